"""`atlantis train` as a function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from atlantis_dml.api.argument_types import Choice, Where, as_folder, checked


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

    An earlier training with the same images, backbone, recipe and seed is reused.

    Args:
        data: A folder of class folders, a folder with `metadata.csv` or `.jsonl`, or a bundled name.
        preset: A name in `atlantis presets`, alone or with changes: `full?steps=300&loss=supcon`.
        settings: Changes of the preset's settings, such as `{"steps": 300}`.
        seeds: Number of trainings.
        seed: The first seed.
        out: A new folder to export to; several seeds get a folder each.
        backbone: A timm model, `harbor-student` or `scratch`; None takes a small pretrained one, if available.
        weights: A safetensors file with its `.json` beside it, instead of `backbone`.
        regime: `seen` or `unseen`.
        label: Metadata column with the class.
        split: Metadata column with train, validation or test.
        facets: Metadata columns to use as facets; None uses all.
        query: Column and value: only these validation images are queries.
        gallery: Column and value: only these images are searched.
        workspace: Folder that stores everything; None takes `ATLANTIS_WORKSPACE`.

    Returns:
        What `atlantis train --json` prints: `trials` (id, seed, path, recall_at, map_at_r ...), `recall_at_1` and
        `map_at_r` (mean and sd over seeds), `frozen`, `recipe`, `backbone`, `queries`, `left_out`,
        `next` (the command that measures the first trial again) and more.

    Raises:
        SetupError: A setting, the model or the data has to be fixed.
    """
    from atlantis_dml.app.request import RunOptions, build_request, parse_regime
    from atlantis_dml.app.train import apply_settings, train_trials

    given = RunOptions(
        preset=apply_settings(preset, [f"{name}={value}" for name, value in (settings or {}).items()]),
        backbone=backbone,
        weights=None if weights is None else str(weights),
        seeds=seeds,
        seed=seed,
        regime=parse_regime(regime),
        label=label,
        split=split,
        facets=None if facets is None else tuple(facets),
        query=query,
        gallery=gallery,
    )
    folder = as_folder(workspace)
    return train_trials(build_request(str(data), given, folder), folder, as_folder(out))
