"""The shipped student: a small vision transformer, pretrained on harbor classes outside the demo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.harbor.canvas import SIDE_PX

if TYPE_CHECKING:
    from torch import nn

WEIGHTS = Path(__file__).parents[1] / "weights" / "student.safetensors"
"""The shipped weights; `student.json` beside them has architecture, arguments, mean, std and provenance."""

ARCHITECTURE = "vit_tiny_patch16_224"
ARGUMENTS: dict[str, Any] = {
    "img_size": SIDE_PX,
    "patch_size": 8,
    "embed_dim": 128,
    "depth": 4,
    "num_heads": 4,
    "class_token": False,
    "global_pool": "avg",
    "num_classes": 0,
}
"""Arguments of `timm.create_model(ARCHITECTURE, **ARGUMENTS)`."""

MEAN = (0.5, 0.5, 0.5)
STD = (0.25, 0.25, 0.25)


def create_student() -> nn.Module:
    """Create the student with random weights; seed torch first.

    Returns:
        A timm model that maps N x 3 x 64 x 64 normalised images to N x 128 embeddings.
    """
    import timm

    model: nn.Module = timm.create_model(ARCHITECTURE, pretrained=False, **ARGUMENTS)
    return model


def save_student(model: nn.Module, weights: Path, provenance: dict[str, Any]) -> None:
    """Write a student as half-precision safetensors, with its description beside it.

    Args:
        model: From `create_student`.
        weights: The safetensors file to write.
        provenance: How it was trained, saved under `training`.
    """
    import torch
    from safetensors.torch import save_file

    weights.parent.mkdir(parents=True, exist_ok=True)
    save_file({k: v.to(torch.float16).contiguous() for k, v in model.state_dict().items()}, weights)
    weights.chmod(0o644)  # safetensors writes for the owner only, but a package is read by everyone
    facts = {
        "architecture": ARCHITECTURE,
        "arguments": ARGUMENTS,
        "mean": MEAN,
        "std": STD,
        "input_px": SIDE_PX,
        "dtype": "float16",
        "parameters": sum(p.numel() for p in model.parameters()),
        "training": provenance,
    }
    weights.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
