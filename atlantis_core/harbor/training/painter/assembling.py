"""Write the painter as a `StableDiffusionPipeline` folder: stored in half precision, opened in float32."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from atlantis_core.harbor.canvas import SIDE_PX
from atlantis_core.harbor.renderer import RENDERER_VERSION
from atlantis_core.harbor.training.painter.curriculum import is_held_out
from atlantis_core.harbor.training.painter.denoiser import make_scheduler
from atlantis_core.harbor.training.shipping import compute_in_float32, make_readable
from atlantis_core.harbor.vocabulary import CLASSES, CONDITIONS


def write_pipeline(
    folder: Path, tokenizer: Any, encoder: Any, vae: Any, denoiser: Any, facts: Mapping[str, Any]
) -> None:
    """Write the pipeline's folder.

    Args:
        folder: Folder to write.
        tokenizer: `CLIPTokenizer`.
        encoder: `CLIPTextModel`.
        vae: `AutoencoderTiny`, with its `scaling_factor` set.
        denoiser: `UNet2DConditionModel`.
        facts: How it was trained, saved in `training.json`.
    """
    import copy

    import torch
    from diffusers import StableDiffusionPipeline

    half = [copy.deepcopy(model).cpu().to(torch.float16) for model in (encoder, vae, denoiser)]
    pipeline = StableDiffusionPipeline(
        tokenizer=tokenizer,
        text_encoder=half[0],
        vae=half[1],
        unet=half[2],
        scheduler=make_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    compute_in_float32(folder)
    make_readable(folder)
    seen = {
        "renderer_version": RENDERER_VERSION,
        "side_px": SIDE_PX,
        "held_out": [
            f"{c.label}/{condition}" for c in CLASSES for condition in CONDITIONS if is_held_out(c, condition)
        ],
    }
    (folder / "training.json").write_text(json.dumps({**facts, **seen}, indent=1) + "\n", encoding="utf-8")
