"""Checkpoints of trainings: weights as safetensors and, written last, a description as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.base.atomic_file import write_atomically
from atlantis_core.base.errors import SetupError
from atlantis_core.base.serialization import as_json
from atlantis_core.learning.models.backbones import BackboneSpec
from atlantis_core.learning.models.heads import Head, head_facts
from atlantis_core.learning.recipe import Recipe

if TYPE_CHECKING:
    from torch import Tensor, nn

WEIGHTS_NAME = "model.safetensors"
FACTS_NAME = "model.json"
LOSSES_NAME = "losses.json"


@dataclass(frozen=True, slots=True)
class TrainReport:
    """The outcome of one training."""

    path: str
    """Folder of the checkpoint, for `load_retriever`."""
    key: str
    """Content hash of images, weights, backbone, recipe and seed."""
    steps: int
    seconds: float
    """Wall time including activations; of the original training if the checkpoint is reused."""
    first_loss: float
    """Mean loss of the first tenth of the steps; higher is worse."""
    last_loss: float
    """Mean loss of the last tenth of the steps; higher is worse."""
    kept_step: int = 0
    """Step of the kept weights: the best on validation if that was measured, else the last."""
    measured: list[tuple[int, float]] = field(default_factory=list)
    """(step, validation metric) of every measurement during training."""
    reused: bool = False
    """Whether a finished checkpoint with the same content hash was found."""


def describe_damage(folder: Path) -> str:
    """Say which file of a checkpoint is missing or unreadable; empty for an intact checkpoint."""
    from safetensors import SafetensorError

    for file, read in ((folder / FACTS_NAME, _read_report), (folder / WEIGHTS_NAME, _check_length)):
        try:
            read(file)
        except FileNotFoundError:
            return f"{str(file)!r} is missing"
        except (OSError, ValueError, KeyError, TypeError, SafetensorError):
            return f"{str(file)!r} cannot be read"
    return ""


def _read_report(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text(encoding="utf-8"))["report"])


def read_embed_dim(folder: Path) -> int:
    """Return the embedding dimensions of a checkpoint's head: the recipe's `embed_dim` or fewer."""
    return int(json.loads((folder / FACTS_NAME).read_text(encoding="utf-8"))["head"]["embed_dim"])


def _check_length(file: Path) -> None:
    """Check that a weights file is complete: opening it compares its header with its length."""
    from safetensors import safe_open

    with safe_open(file, framework="np"):  # numpy, since torch takes seconds to load
        pass


def find_finished_report(folder: Path, key: str) -> TrainReport | None:
    """Return the report of the finished checkpoint in `folder`; None if it is missing or damaged.

    Raises:
        SetupError: The folder contains another training.
    """
    if describe_damage(folder):
        return None
    kept = _read_report(folder / FACTS_NAME)
    measured = [(int(steps), float(value)) for steps, value in kept.get("measured", [])]
    report = TrainReport(**{**kept, "measured": measured, "path": str(folder), "reused": True})
    if report.key != key:
        raise SetupError(
            f"{str(folder)!r} already contains another training ({report.key}, not {key}); name another folder"
        )
    return report


def save_checkpoint(
    folder: Path,
    backbone: nn.Module,
    head: nn.Module,
    space: Head,
    spec: BackboneSpec,
    recipe: Recipe,
    seed: int,
    report: TrainReport,
) -> None:
    """Write the weights, then the description, each atomically: the description marks a complete checkpoint."""
    from safetensors.torch import save_file

    state = {f"trunk.{name}": value.cpu().contiguous() for name, value in backbone.state_dict().items()}
    state |= {f"head.{name}": value.cpu().contiguous() for name, value in head.state_dict().items()}
    facts = {
        "architecture": spec.architecture,
        "arguments": as_json(spec.arguments),
        "mean": list(spec.mean),
        "std": list(spec.std),
        **spec.crop,
        "input_px": recipe.side_px or spec.input_px,
        "head": head_facts(space, int(state["head.linear.weight"].shape[0])),
        "recipe": as_json(recipe),
        "seed": seed,
        "backbone": as_json(spec),
        "backbone_fingerprint": spec.fingerprint,
        "report": asdict(report),
    }
    folder.mkdir(parents=True, exist_ok=True)
    with write_atomically(folder / WEIGHTS_NAME) as part:
        save_file(state, part)
    _write(folder / FACTS_NAME, json.dumps(facts, indent=1))


def name_parts(state: Mapping[str, Tensor], facts: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return weights by the names in a checkpoint: those of the backbone and of the head have a prefix each.

    An exported file has timm's names; its facts say which `classifier` is the head's projection.
    """
    classifier = facts.get("classifier")
    if classifier is None:
        return dict(state)
    weight, bias = f"{classifier}.weight", f"{classifier}.bias"
    backbone = {f"trunk.{name}": value for name, value in state.items() if name not in {weight, bias}}
    return {**backbone, "head.linear.weight": state[weight]}


def save_losses(folder: Path, losses: Sequence[float]) -> None:
    """Write the loss of every step; called before the checkpoint is written."""
    kept = [float(f"{loss:.6g}") if math.isfinite(loss) else None for loss in losses]
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / LOSSES_NAME, json.dumps(kept))


def _write(path: Path, text: str) -> None:
    with write_atomically(path) as part:
        part.write_text(text + "\n", encoding="utf-8")


def read_losses(folder: Path) -> list[float | None]:
    """Return the loss of every step of a training (None if it was not finite); empty if there is no file."""
    try:
        return list(json.loads((folder / LOSSES_NAME).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return []
