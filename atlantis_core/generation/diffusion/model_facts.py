"""Facts about public models and LoRA weights: their default options and their licences.

A model that is not listed runs with the general defaults; set others with its name (`options.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BUNDLED_MODELS: Mapping[str, Path] = {"harbor": Path(__file__).parents[2] / "harbor" / "weights" / "painter"}
"""Pipelines that come with the package, by name."""


@dataclass(frozen=True, slots=True)
class KnownModel:
    """Facts about one model or a family of them."""

    licence: str
    """One line to read before the model is used; empty if there are no restrictions."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Options that differ from the general defaults."""


KNOWN: Mapping[str, KnownModel] = {
    "harbor": KnownModel("", {"steps": 8, "guidance": 3.0, "arm": "text_to_image"}),
    "stabilityai/sdxl-turbo": KnownModel(
        "sdxl-turbo: Stability AI non-commercial research licence; its images must not be used commercially",
        {"steps": 4, "guidance": 0.0},
    ),
    "stabilityai/sd-turbo": KnownModel(
        "sd-turbo: Stability AI non-commercial research licence; its images must not be used commercially",
        {"steps": 4, "guidance": 0.0},
    ),
    "stabilityai/stable-diffusion-xl-base-1.0": KnownModel("SDXL: CreativeML Open RAIL++-M, with use restrictions"),
    "stable-diffusion-v1-5/stable-diffusion-v1-5": KnownModel(
        "SD 1.5: CreativeML Open RAIL-M, with use restrictions"
    ),
    "ByteDance/SDXL-Lightning": KnownModel(  # a LoRA for SDXL, one file for each number of steps
        "SDXL-Lightning: Open RAIL++, with use restrictions",
        {"steps": 4, "guidance": 0.0, "scheduler": "EulerDiscreteScheduler", "spacing": "trailing"},
    ),
    "latent-consistency/lcm-lora-sdxl": KnownModel(
        "LCM LoRA: Open RAIL++-M, with use restrictions",
        {"steps": 4, "guidance": 1.0, "scheduler": "LCMScheduler"},
    ),
    "SimianLuo/LCM_Dreamshaper_v7": KnownModel(
        "LCM: MIT", {"steps": 4, "guidance": 8.0, "scheduler": "LCMScheduler"}
    ),
    "black-forest-labs/FLUX.1-schnell": KnownModel(
        "FLUX.1 schnell: Apache-2.0", {"steps": 4, "guidance": 0.0, "dtype": "bfloat16"}
    ),
    "black-forest-labs/FLUX.1-dev": KnownModel(
        "FLUX.1 dev: non-commercial licence; read it before you use its images", {"dtype": "bfloat16"}
    ),
}


def model_facts(name: str) -> KnownModel:
    """Return the facts of a model or LoRA; an unknown one has a notice to read its licence."""
    if name in KNOWN:
        return KNOWN[name]
    return KnownModel(f"{name}: read its licence before you use its images")
