"""Photos as latents: what a pipeline's autoencoder makes of them, in the scale that its denoiser works in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.data.image_io import open_image

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor


def crop_square(image: Image, side_px: int) -> Image:
    """Return the middle square of an image at the model's side."""
    from PIL.Image import Resampling

    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    square = image.convert("RGB").crop((left, top, left + short, top + short))
    return square.resize((side_px, side_px), Resampling.LANCZOS)


def encode_photo(vae: Any, path: str, side_px: int) -> Tensor:
    """Return the latents of a photo, (channels, height, width), on the CPU.

    The autoencoder must be in float32: SDXL's gives NaN in half precision.

    Raises:
        SetupError: The latents are not those of a still image.
        ToolError: The photo cannot be read.
    """
    import torch

    pixels = np.asarray(crop_square(open_image(path), side_px), dtype=np.float32) / 127.5 - 1
    batch = torch.from_numpy(pixels).permute(2, 0, 1)[None].to(vae.device)
    if getattr(vae.config, "latents_mean", None) is not None:
        raise SetupError(f"fit=lora does not know the scale of the latents of {type(vae).__name__}")
    with torch.no_grad():
        encoded = vae.encode(batch)
    found: Tensor = encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.mode()
    if found.ndim != 4:
        raise SetupError(f"fit=lora works with models of still images; {type(vae).__name__} is not of one")
    shift = getattr(vae.config, "shift_factor", None) or 0.0
    scaled: Tensor = (found[0] - shift) * vae.config.scaling_factor
    return scaled.cpu()
