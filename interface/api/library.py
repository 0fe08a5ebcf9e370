"""The commands as functions of Python: what they return is what `--json` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_dml.api.argument_types import Choice, Where, as_folder, checked

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from atlantis_core.data.reading import ReadOptions
    from atlantis_core.learning.retriever import Retriever
else:
    ArrayLike = Any  # numpy is not loaded before it is needed; `embedded` looks at arrays


@checked
def load_retriever(model: Where, workspace: Where | None = None, embedding: str | None = None) -> Retriever:
    """Load a retriever to embed images with.

    Args:
        model: A run id (its final model, first judging seed), a trial id, both also by their first characters,
            a checkpoint folder, a safetensors file with its `.json` beside it, or a timm name.
        workspace: Folder in which runs and trials are looked up; None takes `ATLANTIS_WORKSPACE`.
        embedding: `head`, or `body` for the unit-length pooled features below it; None takes what the model was
            trained for.

    Raises:
        SetupError: Nothing of the kind, or a damaged file.
    """
    from atlantis_dml.app.find_model import find_retriever

    return find_retriever(str(model), workspace, embedding)


@checked
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
    """Train a retriever on the training split of a collection and measure it on validation.

    A training that was done before, with the same images, backbone, recipe and seed, is found and not done again.

    Args:
        data: A folder of class folders, a folder with `metadata.csv` or `.jsonl`, or a bundled name.
        preset: A name in `atlantis presets`, alone or with changes: `full?steps=300&loss=supcon`.
        settings: Settings of the preset to change, such as `{"steps": 300}`.
        seeds: Trainings, of which mean and spread are told.
        seed: The first seed.
        out: A new folder to export to; of several seeds it gets a folder each.
        backbone: A timm model, `harbor-student` or `scratch`; None takes a small pretrained one if there is.
        weights: A safetensors file with its `.json` beside it, instead.
        regime: `seen` or `unseen`.
        label: Metadata column with the class.
        split: Metadata column with train, validation or test.
        facets: Metadata columns to take as facets.
        query: Column and value: only these validation images ask.
        gallery: Column and value: only these images are searched.
        workspace: Folder that keeps everything; None takes `ATLANTIS_WORKSPACE`.

    Returns:
        What `atlantis train --json` prints: `trials` (id, seed, path, recall_at, map_at_r ...), `recall_at_1` and
        `map_at_r` (mean and sd over seeds), `frozen`, `recipe`, `backbone`, `queries`, `left_out`,
        `next` (the command that measures the first of them again) and more.

    Raises:
        SetupError: Anything a person must mend.
    """
    from atlantis_core.records import Budget, Goal, RunSpec
    from atlantis_dml.app.setup import RunRequest, parse_regime
    from atlantis_dml.app.train import apply_settings, train_trials

    spec = RunSpec(
        collection_id="",
        data=str(data),
        goal=Goal(""),
        budget=Budget(),
        preset=apply_settings(preset, [f"{name}={value}" for name, value in (settings or {}).items()]),
        backbone=backbone,
        weights=None if weights is None else str(weights),
        seeds=seeds,
        seed=seed,
        regime=parse_regime(regime),
        query=query,
        gallery=gallery,
    )
    asked = RunRequest(str(data), "", _columns(label, split, facets), spec)
    return train_trials(asked, as_folder(workspace), as_folder(out))


@checked
def evaluate(
    model: Where,
    data: Where,
    *,
    at: Sequence[int] = (1, 2, 4, 8),
    embedding: str | None = None,
    distance: str = "auto",
    leave_out: str | None = None,
    junk: str | None = None,
    nmi: bool = False,
    attack: str | None = None,
    epsilon: float | None = None,
    attack_steps: int | None = None,
    attack_aim: str | None = None,
    seed: int | None = None,
    regime: str = "seen",
    label: str | None = None,
    split: str | None = None,
    facets: Sequence[str] | None = None,
    query: Choice | None = None,
    gallery: Choice | None = None,
    workspace: Where | None = None,
) -> dict[str, Any]:
    """Measure a model on the validation queries of a collection; the test split stays sealed.

    Args:
        model: See `load_retriever`.
        data: A folder of class folders, a folder with `metadata.csv` or `.jsonl`, or a bundled name.
        at: The K of Recall@K.
        embedding: `head`, `body`, or None for what the model was trained for.
        distance: `auto` is the model's own; else a name as `atlantis evaluate --distance` takes it.
        leave_out: Metadata column of which a query's own value is not searched.
        junk: The same among images of its own class only, as in re-identification.
        nmi: Whether to cluster too, which takes longer than all the rest.
        attack: `fgsm` or `pgd`: measure with attacked queries too.
        epsilon: Most change of a pixel's channel by the attack, of 0..255; None takes 2.
        attack_steps: Gradients of `pgd`; None takes 10.
        attack_aim: `wrong` (None takes it) pushes a query to the nearest image of another class, `away` (`pgd` alone)
            just away.
        seed: Of the random starts of `pgd`; None takes 0.
        regime: `seen` or `unseen`.
        label: Metadata column with the class.
        split: Metadata column with train, validation or test.
        facets: Metadata columns to take as facets.
        query: Column and value: only these validation images ask.
        gallery: Column and value: only these images are searched.
        workspace: Folder that keeps everything; None takes `ATLANTIS_WORKSPACE`.

    Returns:
        What `atlantis evaluate --json` prints: `recall_at` (by K as text), `map_at_r`, `r_precision`, `queries`,
        `left_out`, `per_class`, `per_facet`, `per_cell`, `intervals`, `trained_on` (how many of the queries and of
        their classes the model was trained on; None where that is not known) and more.

    Raises:
        SetupError: Anything a person must mend.
    """
    from atlantis_core.workflows.evaluate import EvaluationRequest
    from atlantis_dml.app.evaluate import Subject, evaluate_model, parse_attack
    from atlantis_dml.app.setup import parse_regime

    how = {"epsilon": epsilon, "attack-steps": attack_steps, "attack-aim": attack_aim, "seed": seed}
    attacked = parse_attack(attack, how)
    question = EvaluationRequest(tuple(at), distance, leave_out, nmi, attacked, attack_aim or "wrong", junk)
    read, restrictions = _columns(label, split, facets), (query, gallery)
    subject = Subject(str(model), str(data), read, parse_regime(regime), restrictions, embedding)
    return evaluate_model(subject, question, as_folder(workspace))


@checked
def filter_embeddings(
    real: Where | tuple[ArrayLike, ArrayLike],
    synthetic: Where | tuple[ArrayLike, ArrayLike],
    *,
    scorer: str = "auto",
    threshold: float | None = None,
) -> dict[str, Any]:
    """Say which made images belong to their classes.

    Args:
        real: Embeddings (N, D) and labels (N), numbers or class names, of real images, or an `.npz` file of both.
        synthetic: Likewise (M, D) and (M), of made images by the same model.
        scorer: `auto`, `centre_ratio`, `margin`, `knn`, `lof` or `isolation`.
        threshold: Reject scores above it, which are worse; None takes the scorer's own.

    Returns:
        What `atlantis filter --json` prints: `kept` (indices), `rejected` (index, reason, score), `scorer` and more.

    Raises:
        SetupError: Something else was given, or there is no such scorer.
        ToolError: Made images of a class without real ones, or too few real ones for the scorer.
    """
    from atlantis_core.filtering.embedded import to_embedded_images
    from atlantis_dml.app.filter import filter_synthetic

    return filter_synthetic(
        to_embedded_images(real, "real"), to_embedded_images(synthetic, "synthetic"), scorer, threshold
    )


@checked
def export(
    model: Where,
    folder: Where,
    *,
    onnx: bool = False,
    images: bool = False,
    rolled_back: bool = False,
    workspace: Where | None = None,
) -> dict[str, Any]:
    """Write a model to a new folder: safetensors, facts as JSON, a model card and, where asked for, an ONNX graph.

    With `images`, the made images that a run kept instead: an imagefolder with metadata and a data card.

    Args:
        model: See `load_retriever`; this reads the folder too.
        folder: Must not be there yet, or be empty.
        onnx: Also write `model.onnx`, checked to embed like torch to 1e-4.
        images: `model` names a run; write the images of its kept rounds.
        rolled_back: With `images`, also those that passed the filters in rounds that were not kept.
        workspace: Folder in which runs and trials are looked up; None takes `ATLANTIS_WORKSPACE`.

    Returns:
        What `atlantis export --json` prints: `folder`, `files`, `distance`, `dims`, `figures`, `onnx` and more.

    Raises:
        SetupError: Anything a person must mend.
    """
    from atlantis_dml.app.export import export_by_name

    return export_by_name(
        str(model), Path(folder), as_folder(workspace), onnx=onnx, images=images, rolled_back=rolled_back
    )


def _columns(label: str | None, split: str | None, facets: Sequence[str] | None) -> ReadOptions:
    from atlantis_core.data.reading import ReadOptions

    return ReadOptions(label, split, None if facets is None else tuple(facets))
