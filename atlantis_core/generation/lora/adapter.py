"""LoRA weights of a fit: trained once, kept in the workspace with a description, found again by content hash."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from atlantis_core.base.atomic_file import write_atomically
from atlantis_core.base.errors import SetupError
from atlantis_core.generation.lora.training import LoraTraining
from atlantis_core.learning.models.weights_files import file_digest
from atlantis_core.learning.training.resumable import train

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from atlantis_core.base.ports import Progress
    from atlantis_core.generation.lora.fit_plan import FitPlan

WEIGHTS = "pytorch_lora_weights.safetensors"
FACTS = "fit.json"
_STAGE = "fit"
"""Name of checkpoint and loss curve."""


def find_or_train(plan: FitPlan, folder: Path, model: str, load: Callable[[], Any], progress: Progress) -> Path:
    """Return the file of the weights that a plan gives, in `folder/<key>`; train them if they are not there.

    An interrupted training is resumed. `load` loads the pipeline of the name `model`.

    Raises:
        SetupError: The pipeline cannot be fitted, or does not fit into the memory of the GPU.
    """
    import torch

    own = folder / plan.key
    if _is_complete(own):
        return own / WEIGHTS
    started = time.monotonic()
    try:
        training = LoraTraining(load(), plan, progress)
        train(_STAGE, training, plan.settings.steps, own, partial(_report, progress), None)
    except torch.OutOfMemoryError:
        raise SetupError(
            f"{model} does not fit into this GPU's memory for fit=lora; use fit_batch=1 or a smaller model"
        ) from None
    training.save(own)
    facts = {
        "model": model,
        "model_sha256": plan.base,
        "photos": len(plan.photos),
        "photos_sha256": plan.photos_hash,
        "classes": len({photo.label for photo in plan.photos}),
        "settings": asdict(plan.settings),
        "device": plan.device,
        "seconds": round(time.monotonic() - started, 1),
        "weights_sha256": file_digest(str(own / WEIGHTS)),
    }
    with write_atomically(own / FACTS) as part:
        part.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    (own / f"{_STAGE}.pt").unlink(missing_ok=True)
    return own / WEIGHTS


def _report(progress: Progress, what: str, done: int, total: int) -> None:
    del what  # the name of the checkpoint
    progress("fitting the generator", done, total)


def _is_complete(folder: Path) -> bool:
    """Whether a folder has weights that are those of its description."""
    weights, facts = folder / WEIGHTS, folder / FACTS
    if not (weights.is_file() and facts.is_file()):
        return False
    try:
        written = json.loads(facts.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(written, dict) and written.get("weights_sha256") == file_digest(str(weights))
