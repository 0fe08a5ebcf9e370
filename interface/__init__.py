"""ATLANTIS: a data engineer for image search.

The way out is three lines:

```python
from atlantis_dml import load_retriever
retriever = load_retriever("20261123-1a2b3c")  # a run, a trial, a safetensors file or a timm name
vectors = retriever.embed(["a.jpg", "b.jpg"])
```
`train`, `evaluate`, `export` and `filter_embeddings` are the commands of these names; they show progress on stderr
and return what `--json` prints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike

    from atlantis_core.learning.retriever import Retriever

__version__ = "0.1.0"


def load_retriever(model: str | Path, workspace: str | Path | None = None) -> Retriever:
    """Load a retriever to embed images with.

    Args:
        model: A run id (its final model, first judging seed), a trial id, both also by their first characters,
            a checkpoint folder, a safetensors file with its `.json` beside it, or a timm name.
        workspace: Folder in which runs and trials are looked up; None takes `ATLANTIS_WORKSPACE`.

    Raises:
        SetupError: Nothing of the kind, or a damaged file.
    """
    from atlantis_dml.retrievers import find_retriever

    return find_retriever(str(model), workspace)


def train(
    data: str | Path,
    preset: str = "auto",
    *,
    settings: Mapping[str, Any] | None = None,
    seeds: int = 1,
    seed: int = 0,
    out: str | Path | None = None,
    backbone: str | None = None,
    weights: str | Path | None = None,
    regime: str = "seen",
    label: str | None = None,
    split: str | None = None,
    facets: Sequence[str] | None = None,
    query: tuple[str, str] | None = None,
    gallery: tuple[str, str] | None = None,
    workspace: str | Path | None = None,
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
        `map_at_r` (mean and sd over seeds), `frozen`, `recipe`, `backbone`, `queries`, `left_out` and more.

    Raises:
        SetupError: Anything a person must mend.
    """
    from atlantis_dml import library

    return library.train(
        data,
        preset,
        settings=settings,
        seeds=seeds,
        seed=seed,
        out=out,
        backbone=backbone,
        weights=weights,
        regime=regime,
        label=label,
        split=split,
        facets=facets,
        query=query,
        gallery=gallery,
        workspace=workspace,
    )


def evaluate(
    model: str | Path,
    data: str | Path,
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
    query: tuple[str, str] | None = None,
    gallery: tuple[str, str] | None = None,
    workspace: str | Path | None = None,
) -> dict[str, Any]:
    """Measure a model on the validation queries of a collection; the test split stays sealed.

    Args:
        model: See `load_retriever`.
        data: A folder of class folders, a folder with `metadata.csv` or `.jsonl`, or a bundled name.
        at: The K of Recall@K.
        embedding: `head`, `body`, or None for what the model was trained for.
        distance: `auto` is the model's own; else a name as `atlantis evaluate --distance` takes it.
        leave_out: Facet of which a query's own value is not searched.
        nmi: Whether to cluster too, which takes longer than all the rest.
        attack: `fgsm` or `pgd`: measure with attacked queries too.
        epsilon: Most change of a pixel's channel by the attack, of 0..255.
        regime: `seen` or `unseen`.
        label: Metadata column with the class.
        split: Metadata column with train, validation or test.
        facets: Metadata columns to take as facets.
        query: Column and value: only these validation images ask.
        gallery: Column and value: only these images are searched.
        workspace: Folder that keeps everything; None takes `ATLANTIS_WORKSPACE`.

    Returns:
        What `atlantis evaluate --json` prints: `recall_at` (by K as text), `map_at_r`, `r_precision`, `queries`,
        `left_out`, `per_class`, `per_facet`, `per_cell`, `intervals` and more.

    Raises:
        SetupError: Anything a person must mend.
    """
    from atlantis_dml import library

    return library.evaluate(
        model,
        data,
        at=at,
        embedding=embedding,
        distance=distance,
        leave_out=leave_out,
        nmi=nmi,
        attack=attack,
        epsilon=epsilon,
        regime=regime,
        label=label,
        split=split,
        facets=facets,
        query=query,
        gallery=gallery,
        workspace=workspace,
    )


def export(
    model: str | Path, folder: str | Path, *, onnx: bool = False, workspace: str | Path | None = None
) -> dict[str, Any]:
    """Write a model to a new folder: safetensors, facts as JSON, a model card and, where asked for, an ONNX graph.

    Args:
        model: See `load_retriever`; this reads the folder too.
        folder: Must not be there yet, or be empty.
        onnx: Also write `model.onnx`, checked to embed like torch to 1e-4.
        workspace: Folder in which runs and trials are looked up; None takes `ATLANTIS_WORKSPACE`.

    Returns:
        What `atlantis export --json` prints: `folder`, `files`, `distance`, `dims`, `figures`, `onnx` and more.

    Raises:
        SetupError: Anything a person must mend.
    """
    from atlantis_dml import library

    return library.export(model, folder, onnx=onnx, workspace=workspace)


def filter_embeddings(
    real: str | Path | tuple[ArrayLike, ArrayLike],
    synthetic: str | Path | tuple[ArrayLike, ArrayLike],
    *,
    scorer: str = "auto",
    threshold: float | None = None,
) -> dict[str, Any]:
    """Say which made images belong to their classes.

    Args:
        real: Embeddings (N, D) and integer labels (N) of real images, or an `.npz` file of both.
        synthetic: Likewise (M, D) and (M), of made images by the same model.
        scorer: `auto`, `centre_ratio`, `margin`, `knn`, `lof` or `isolation`.
        threshold: Reject scores above it, which are worse; None takes the scorer's own.

    Returns:
        What `atlantis filter --json` prints: `kept` (indices), `rejected` (index, reason, score), `scorer` and more.

    Raises:
        SetupError: Something else was given, or there is no such scorer.
        ToolError: Made images of a class without real ones, or too few real ones for the scorer.
    """
    from atlantis_dml import library

    return library.filter_embeddings(real, synthetic, scorer=scorer, threshold=threshold)
