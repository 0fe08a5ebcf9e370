"""The commands as functions of Python: what they return is what `--json` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atlantis_core.data.reading import ReadOptions
    from atlantis_core.filtering.embedded import Embedded

Where = str | Path
Choice = tuple[str, str]
"""A metadata column and the value that it must have."""


def train(
    data: Where,
    preset: str = "auto",
    *,
    settings: Mapping[str, Any] | None = None,
    seeds: int = 1,
    seed: int = 0,
    out: Where | None = None,
    backbone: str | None = None,
    weights: Where | None = None,
    regime: str = "seen",
    label: str | None = None,
    split: str | None = None,
    facets: Sequence[str] | None = None,
    query: Choice | None = None,
    gallery: Choice | None = None,
    workspace: Where | None = None,
) -> dict[str, Any]:
    """Do what `atlantis_dml.train` says."""
    from atlantis_core.records import Budget, Goal, RunSpec
    from atlantis_dml.assembly import Asked
    from atlantis_dml.options import regime as known_regime
    from atlantis_dml.train_command import changed, trained

    spec = RunSpec(
        collection_id="",
        data=str(data),
        goal=Goal(""),
        budget=Budget(),
        preset=changed(preset, [f"{name}={value}" for name, value in (settings or {}).items()]),
        backbone=backbone,
        weights=None if weights is None else str(weights),
        seeds=seeds,
        seed=seed,
        regime=known_regime(regime),
        query=query,
        gallery=gallery,
    )
    asked = Asked(str(data), "", _columns(label, split, facets), spec)
    return trained(asked, _folder(workspace), _folder(out))


def evaluate(
    model: Where,
    data: Where,
    *,
    at: Sequence[int] = (1, 2, 4, 8),
    embedding: str | None = None,
    distance: str = "auto",
    leave_out: str | None = None,
    nmi: bool = False,
    attack: str | None = None,
    epsilon: float = 2.0,
    regime: str = "seen",
    label: str | None = None,
    split: str | None = None,
    facets: Sequence[str] | None = None,
    query: Choice | None = None,
    gallery: Choice | None = None,
    workspace: Where | None = None,
) -> dict[str, Any]:
    """Do what `atlantis_dml.evaluate` says."""
    from atlantis_core.examination import Question
    from atlantis_core.learning.attacks import Attack
    from atlantis_dml.measuring import Subject, evaluation
    from atlantis_dml.options import regime as known_regime

    attacked = Attack(attack, epsilon) if attack else None
    question = Question(tuple(at), distance, leave_out, nmi, attacked)
    read, restrictions = _columns(label, split, facets), (query, gallery)
    subject = Subject(str(model), str(data), read, known_regime(regime), restrictions, embedding)
    return evaluation(subject, question, _folder(workspace))


def filter_embeddings(real: Any, synthetic: Any, *, scorer: str, threshold: float | None) -> dict[str, Any]:
    """Do what `atlantis_dml.filter_embeddings` says."""
    from atlantis_dml.filter_command import filtered

    return filtered(_embedded(real), _embedded(synthetic), scorer, threshold)


def export(model: Where, folder: Where, *, onnx: bool, workspace: Where | None) -> dict[str, Any]:
    """Do what `atlantis_dml.export` says."""
    from atlantis_dml.export_command import exported

    return exported(str(model), Path(folder), _folder(workspace), onnx=onnx)


def _folder(named: Where | None) -> Path | None:
    return None if named is None else Path(named)


def _columns(label: str | None, split: str | None, facets: Sequence[str] | None) -> ReadOptions:
    from atlantis_core.data.reading import ReadOptions

    return ReadOptions(label, split, None if facets is None else tuple(facets))


def _embedded(given: Any) -> Embedded:
    from atlantis_core.errors import SetupError
    from atlantis_core.filtering.embedded import as_embedded, read_embedded

    if isinstance(given, str | Path):
        return read_embedded(Path(given))
    try:
        embeddings, labels = given
    except (TypeError, ValueError) as error:
        raise SetupError("give embeddings (N, D) and labels (N) as a pair, or the path of an .npz file") from error
    return as_embedded(embeddings, labels)
