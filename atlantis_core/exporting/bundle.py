"""A folder that holds a retriever and everything that another person needs to use it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.errors import SetupError
from atlantis_core.exporting.card import model_card
from atlantis_core.learning.checkpoint import FACTS_NAME, FIGURES_NAME, WEIGHTS_NAME
from atlantis_core.learning.retriever import Retriever, load_retriever
from atlantis_core.learning.weights import read_facts, read_weights
from atlantis_core.plain import as_json

if TYPE_CHECKING:
    from torch import Tensor

CARD_NAME = "README.md"
ONNX_NAME = "model.onnx"


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    folder: Path
    files: tuple[str, ...]
    onnx_differs: float | None
    """Largest difference between embeddings of the ONNX file and of torch; None without ONNX."""


def export_retriever(model: str | Path, folder: Path, *, onnx: bool = False) -> Exported:
    """Write a retriever as a folder that `load_retriever` and, with ONNX, any runtime can read.

    The description is freed of local paths: where the trunk's first weights came from is told by their digest.

    Args:
        model: A checkpoint folder, a safetensors file with its `.json`, a timm name or `harbor-student`.
        folder: A new folder.
        onnx: Whether to write `model.onnx` too: pixels in 0..1, RGB, (batch, 3, S, S) -> embeddings (batch, D).

    Raises:
        SetupError: Nothing of the kind, a folder that is there, no ONNX packages, or an ONNX file that does not
            compute the same.
    """
    if os.path.lexists(folder):
        raise SetupError(f"{str(folder)!r} is there already; name a new folder, or remove it first")
    retriever = load_retriever(model)
    state, facts = _content(model, retriever)
    part = folder.with_name(f".{folder.name}.exporting-{os.getpid()}")
    try:
        part.mkdir(parents=True)
        differs = _write(part, retriever, state, facts, _figures(model), onnx)
        part.rename(folder)
    except OSError as error:
        raise SetupError(f"{str(folder)!r} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Exported(folder, tuple(sorted(path.name for path in folder.iterdir())), differs)


def _write(
    part: Path,
    retriever: Retriever,
    state: Mapping[str, Tensor],
    facts: Mapping[str, Any],
    figures: Mapping[str, Any] | None,
    onnx: bool,
) -> float | None:
    from safetensors.torch import save_file

    save_file({name: value.contiguous() for name, value in state.items()}, part / WEIGHTS_NAME)
    (part / WEIGHTS_NAME).chmod(0o644)  # it is to be handed on, and save_file writes for the owner alone
    (part / FACTS_NAME).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    differs = None
    if onnx:
        from atlantis_core.exporting.onnx import write_onnx

        differs = write_onnx(retriever, part / ONNX_NAME)
    (part / CARD_NAME).write_text(model_card(retriever, facts, figures, differs), encoding="utf-8")
    return differs


def _content(model: str | Path, retriever: Retriever) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return weights and description as they are to be written."""
    weights = _weights_file(model)
    if weights is not None:
        facts = read_facts(weights)
        if "backbone" in facts:
            facts["backbone"] = {**facts["backbone"], "weights_path": None}
        if "report" in facts:
            facts["report"] = {**facts["report"], "path": ""}
        return read_weights(weights), facts
    backbone = retriever.backbone
    if backbone.source == "scratch":
        raise SetupError(f"{str(model)!r} is no trained model: its weights are random; train it first")
    facts = {
        "architecture": backbone.architecture,
        "arguments": as_json(backbone.arguments),
        "mean": list(backbone.mean),
        "std": list(backbone.std),
        "input_px": retriever.side_px,
        "backbone_fingerprint": backbone.fingerprint,
    }
    return {name: value.cpu() for name, value in retriever.stages.trunk.state_dict().items()}, facts


def _weights_file(model: str | Path) -> Path | None:
    path = Path(model)
    if path.is_dir():
        return path / WEIGHTS_NAME
    return path if path.suffix == ".safetensors" else None


def _figures(model: str | Path) -> dict[str, Any] | None:
    """Return the validation figures that lie beside a checkpoint, if there are any."""
    try:
        found: dict[str, Any] = json.loads((Path(model) / FIGURES_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found
