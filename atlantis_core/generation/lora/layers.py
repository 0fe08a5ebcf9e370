"""Which layers of a denoiser get LoRA weights: its attention, by class of denoiser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from atlantis_core.base.errors import SetupError

_ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")

LAYERS: Mapping[str, tuple[str, ...]] = {
    # Stable Diffusion and SDXL; the last two are the keys and values of the text in simple cross attention.
    "UNet2DConditionModel": (*_ATTENTION, "add_k_proj", "add_v_proj"),
    # Joint attention of image and text, as in the LoRA trainings of diffusers.
    "SD3Transformer2DModel": (*_ATTENTION, "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out"),
    "FluxTransformer2DModel": (
        *(*_ATTENTION, "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out"),
        *("ff.net.0.proj", "ff.net.2", "ff_context.net.0.proj", "ff_context.net.2"),
    ),
}
"""Class of the denoiser -> ends of the names of its layers; for any other class the usual names of attention."""


def find_denoiser(pipeline: Any) -> tuple[str, Any]:
    """Return the name of a pipeline's denoiser, `unet` or `transformer`, and the denoiser.

    Raises:
        SetupError: It has neither, or two of them.
    """
    found = [name for name in ("unet", "transformer") if getattr(pipeline, name, None) is not None]
    if len(found) != 1:
        raise SetupError(f"fit=lora needs a pipeline with one unet or transformer; {type(pipeline).__name__} has not")
    return found[0], getattr(pipeline, found[0])


def list_layers(denoiser: Any) -> list[str]:
    """Return the ends of the names of the layers that get LoRA weights.

    Raises:
        SetupError: The denoiser has no attention layer under a known name.
    """
    known = LAYERS.get(type(denoiser).__name__, _ATTENTION)
    names = [name for name, _ in denoiser.named_modules()]
    found = [end for end in known if any(name.endswith(f".{end}") for name in names)]
    if not found:
        raise SetupError(f"fit=lora knows no attention layer of {type(denoiser).__name__}; use the model without it")
    return found
