"""What an importer returns: the photos of a dataset and their labels, before anything is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from atlantis_core.records import Problem, Role, Split
from atlantis_core.records.natural_order import natural_key

_MAX_NAMED = 5

SplitChoice = Literal["given", "zero-shot"]
"""The dataset's own splits, or those of metric learning: test classes that are not trained on."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the user chose."""

    split: SplitChoice = "given"
    label: str | None = None
    """Column with the class name, for datasets that have columns."""


@dataclass(frozen=True, slots=True)
class ImportedPhoto:
    """One photo to write."""

    name: str
    """Path relative to the new folder, with `/`."""
    source: Path | bytes
    """The file, or its bytes."""
    label: str
    split: Split | None
    """None if the dataset gives none."""
    role: Role = "both"
    facets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """A collection to write."""

    photos: Iterable[ImportedPhoto]
    """Iterated once, in order; may raise `SetupError` meanwhile."""
    total: int
    """Upper bound of their number."""
    title: str
    """Name of the dataset, for messages."""
    published: int = 0
    """Photos of a benchmark as published; a missing or damaged one is an error. 0: files that are not images are left
    out and named."""
    halve: bool = False
    """Whether to train on the first half of the classes, by name, and test on the second."""
    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """File name -> JSON data to write beside the metadata; complete once all photos are read."""
    left_out: Sequence[Problem] = ()
    """Unusable files found while planning."""
    notes: list[str] = field(default_factory=list)
    """Sentences for the user; complete once all photos are read."""


def last_training_class(usual: int, highest: int) -> int:
    """Return the last training class of a zero-shot split: `usual`, or half of the classes of a smaller dataset."""
    return usual if highest > usual else highest // 2


def describe_lone_classes(labels: Iterable[str]) -> list[str]:
    """Return a sentence on classes with one photo, if any, given the class of every photo of a zero-shot split."""
    if named := _classes_of_one_photo(labels):
        return [f"classes of one photo ({named}) form no training pair, and as queries they are not counted"]
    return []


def describe_pairless_classes(trained: Iterable[str]) -> list[str]:
    """Return a sentence on classes with one training photo, if any, given the class of every training photo."""
    if named := _classes_of_one_photo(trained):
        return [
            f"classes of one training photo ({named}) have no pair of different photos: a pair loss learns them from "
            "two views of the same photo"
        ]
    return []


def _classes_of_one_photo(labels: Iterable[str]) -> str:
    """Return how many classes have one photo and the first names; empty if none has."""
    lone = sorted((label for label, count in Counter(labels).items() if count == 1), key=natural_key)
    return f"{len(lone)}: {join_first([repr(label) for label in lone])}" if lone else ""


def join_first(words: Sequence[str]) -> str:
    """Join the first few words and say how many more there are."""
    more = f" and {len(words) - _MAX_NAMED} more" if len(words) > _MAX_NAMED else ""
    return ", ".join(words[:_MAX_NAMED]) + more
