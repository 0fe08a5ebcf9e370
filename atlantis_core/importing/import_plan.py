"""What an importer hands on: which photos there are and what is known of them, before anything is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from atlantis_core.records import Problem, Role, Split

_MAX_NAMED = 5
"""As many are named one by one."""

SplitChoice = Literal["given", "zero-shot"]
"""The collection's own splits, or those of metric learning: test classes that are not trained on."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What a person chose."""

    split: SplitChoice = "given"
    label: str | None = None
    """Column with the class name, for collections that have columns."""


@dataclass(frozen=True, slots=True)
class ImportedPhoto:
    """One photo of a collection."""

    name: str
    """Path in the new folder, with `/`."""
    source: Path | bytes
    """The file, or its content."""
    label: str
    split: Split | None
    """None where none is given."""
    role: Role = "both"
    facets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """A collection that can be written."""

    photos: Iterable[ImportedPhoto]
    """Read once, in order; may raise `SetupError` while it is read."""
    total: int
    """How many there are at most."""
    title: str
    """Name of the collection, for messages."""
    published: int = 0
    """Photos of a benchmark as published: all must be there and be images. 0: what is no image is left out and
    named."""
    halve: bool = False
    """Whether the first half of the classes, by name, becomes train and the second test."""
    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Name -> plain data of what is written beside the metadata as JSON; complete when all photos are read."""
    left_out: Sequence[Problem] = ()
    """What was found to be of no use before."""
    notes: list[str] = field(default_factory=list)
    """What a person should hear, a sentence each; complete when all photos are read."""


def last_training_class(usual: int, highest: int) -> int:
    """Return the number of the last class that is trained on in a zero-shot split.

    Args:
        usual: That of the literature, for the whole collection.
        highest: The highest class number there is; of a smaller collection one half is trained on.
    """
    return usual if highest > usual else highest // 2


def describe_lone_classes(labels: Iterable[str]) -> list[str]:
    """Return a sentence on the classes of one photo where no class is both trained on and tested, if there are any.

    Args:
        labels: The class of every photo.
    """
    if named := _classes_of_one_photo(labels):
        return [f"classes of one photo ({named}) train no pair, and as queries they count in no figure"]
    return []


def describe_pairless_classes(trained: Iterable[str]) -> list[str]:
    """Return a sentence on the classes of one training photo, if there are any.

    Args:
        trained: The class of every training photo.
    """
    if named := _classes_of_one_photo(trained):
        return [
            f"classes of one training photo ({named}) hold no pair of different photos: a loss of pairs learns there "
            "from views of the one"
        ]
    return []


def _classes_of_one_photo(labels: Iterable[str]) -> str:
    """Return how many classes have one photo, and the names of the first; nothing where none has."""
    lone = sorted(label for label, count in Counter(labels).items() if count == 1)
    return f"{len(lone)}: {join_first([repr(label) for label in lone])}" if lone else ""


def join_first(words: Sequence[str]) -> str:
    """Return the first few words and how many more there are."""
    more = f" and {len(words) - _MAX_NAMED} more" if len(words) > _MAX_NAMED else ""
    return ", ".join(words[:_MAX_NAMED]) + more
