"""Image-to-image generation: what is kept of the source image.

Always some of its light and layout (SDEdit, Meng et al. 2022); as an option also its edges (ControlNet, Zhang et al.
2023), its content (IP-Adapter, Ye et al. 2023), or its middle, unchanged (inpainting).
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError

if TYPE_CHECKING:
    from PIL.Image import Image

    from atlantis_core.generation.diffusion.addons import AddonFiles
    from atlantis_core.generation.diffusion.options import DiffusionOptions


class PhotoEditor:
    """A pipeline that generates from source images.

    Args:
        pipeline: A text-to-image pipeline, whose parts are shared; an IP-Adapter stays loaded in it.
        options: How it is run.
        addons: ControlNet and IP-Adapter, if any.

    Raises:
        SetupError: This kind of pipeline does not support the options, or an add-on does not fit it.
    """

    def __init__(self, pipeline: Any, options: DiffusionOptions, addons: AddonFiles) -> None:
        import diffusers

        if (addons.control or addons.ip_adapter) and not hasattr(pipeline, "unet"):
            raise SetupError("control and ip_adapter work with Stable Diffusion and SDXL; this pipeline has no UNet")
        channels = pipeline.unet.config.in_channels if hasattr(pipeline, "unet") else 4
        if options.keep_middle and channels not in {4, 9}:
            raise SetupError(
                f"keep_middle needs a UNet with 4 or 9 input channels, this one has {channels}; remove keep_middle"
            )
        self._options, self._adapted = options, addons.ip_adapter is not None
        parts: dict[str, Any] = {}
        auto = diffusers.AutoPipelineForInpainting if options.keep_middle else diffusers.AutoPipelineForImage2Image
        try:
            if addons.control is not None:
                controlnet = diffusers.ControlNetModel.from_pretrained(
                    str(addons.control),
                    torch_dtype=pipeline.dtype,
                    use_safetensors=options.use_safetensors,
                )
                parts["controlnet"] = controlnet.to(pipeline.device)
            if addons.ip_adapter is not None:
                _load_ip_adapter(pipeline, addons, options.ip_scale)
            self._pipeline: Any = auto.from_pipe(pipeline, **parts)
        except (OSError, ValueError, KeyError, RuntimeError, AttributeError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise SetupError(f"this pipeline cannot edit images with these options: {reason}") from error
        self._pipeline.set_progress_bar_config(disable=True)
        self._takes = inspect.signature(self._pipeline.__call__).parameters

    def draw(self, photos: Sequence[Image], arguments: dict[str, Any]) -> list[Image]:
        """Generate one image from each source.

        Args:
            photos: The source images, all of one size; with an IP-Adapter one at a time.
            arguments: Prompts, seeds and the like, as for text-to-image.
        """
        options = self._options
        given = {
            **arguments,
            "num_inference_steps": count_edit_steps(options),
            "image": list(photos),
            "strength": options.strength,
        }
        if options.control:
            given |= {"control_image": [detect_edges(photo) for photo in photos]}
            given |= {"controlnet_conditioning_scale": options.control_scale}
        if self._adapted:
            (photo,) = photos  # with several, each would condition every image of the batch
            given |= {"ip_adapter_image": photo}
        if "height" in self._takes:
            given |= {"width": photos[0].width, "height": photos[0].height}
        return self._inpaint(photos, given) if options.keep_middle else list(self._pipeline(**given).images)

    def _inpaint(self, photos: Sequence[Image], given: dict[str, Any]) -> list[Image]:
        mask = mask_around_middle(*photos[0].size, self._options.keep_middle)
        images = self._pipeline(**given, mask_image=[mask] * len(photos)).images
        return [restore_middle(photo, image, mask) for photo, image in zip(photos, images, strict=True)]


def count_edit_steps(options: DiffusionOptions) -> int:
    """Return the steps of an edit, at least 1 / strength: fewer would leave the source unchanged."""
    return max(options.steps, round(1 / options.strength + 0.5))


def _load_ip_adapter(pipeline: Any, addons: AddonFiles, scale: float) -> None:
    weights = Path(addons.ip_weights)
    pipeline.load_ip_adapter(
        str(addons.ip_adapter),
        subfolder="" if weights.parent == Path() else weights.parent.as_posix(),
        weight_name=weights.name,
        image_encoder_folder=addons.ip_encoder,
        local_files_only=True,
    )
    pipeline.set_ip_adapter_scale(scale)
    pipeline.image_encoder.to(pipeline.device, pipeline.dtype)


def mask_around_middle(width: int, height: int, kept: float) -> Image:
    """Return a mask: black over the middle `kept` of each side, white (to be repainted) around it."""
    from PIL import Image, ImageDraw

    mask = Image.new("L", (width, height), 255)
    left, top = round(width * (1 - kept) / 2), round(height * (1 - kept) / 2)
    ImageDraw.Draw(mask).rectangle((left, top, width - left - 1, height - top - 1), fill=0)
    return mask


def restore_middle(photo: Image, painted: Image, mask: Image) -> Image:
    """Return the painted image with the source's own pixels where the mask is black; the autoencoder blurs them.

    The seam is soft, over a twentieth of the side, so that a model does not learn to see it.
    """
    from PIL import Image, ImageFilter

    soft = mask.filter(ImageFilter.GaussianBlur(min(mask.size) / 40))
    return Image.composite(painted, photo.convert("RGB"), soft)


def detect_edges(photo: Image) -> Image:
    """Return an image's edges, white on black (Canny 1986), as ControlNets expect them."""
    import kornia
    import numpy as np
    import torch
    from PIL import Image

    pixels = torch.from_numpy(np.asarray(photo.convert("RGB"), dtype=np.float32) / 255).permute(2, 0, 1)[None]
    _, found = kornia.filters.canny(pixels)
    return Image.fromarray((found[0, 0].numpy() * 255).astype(np.uint8)).convert("RGB")
