"""Tiny pipelines of other kinds with seeded random weights: SDXL, Stable Diffusion 3, Flux."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tests.atlantis_core.generation.diffusion_models import clip_shape, tiny_tokenizer, tiny_vae


def _clip(tokenizer: Any, projected: bool) -> Any:
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    shape = clip_shape(
        tokenizer,
        hidden_size=16,
        intermediate_size=20,
        projection_dim=16,
        num_hidden_layers=2,
        num_attention_heads=2,
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(shape)


def _pieces() -> Any:
    """A T5 tokenizer whose pieces are single letters."""
    from transformers import T5Tokenizer

    letters = [("\u2581", -2.0), *((chr(code), -3.0) for code in range(ord("a"), ord("z") + 1))]
    return T5Tokenizer(vocab=[("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -9.0), *letters], extra_ids=0)


def _t5(tokenizer: Any, width: int) -> Any:
    from transformers import T5Config, T5EncoderModel

    shape = T5Config(vocab_size=len(tokenizer), d_model=width, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    return T5EncoderModel(shape)


def write_tiny_sdxl(folder: Path) -> Path:
    """Write a Stable Diffusion XL pipeline: two text encoders, sizes as further conditions."""
    from diffusers import DDIMScheduler, StableDiffusionXLPipeline, UNet2DConditionModel

    tokenizer = tiny_tokenizer(folder.parent / "tokenizer")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        unet = UNet2DConditionModel(
            sample_size=16,
            block_out_channels=(8, 16),
            layers_per_block=1,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=32,
            attention_head_dim=4,
            norm_num_groups=4,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=6 * 8 + 16,
            use_linear_projection=True,
        )
        pipeline = StableDiffusionXLPipeline(
            vae=tiny_vae(8, 8),
            text_encoder=_clip(tokenizer, projected=False),
            text_encoder_2=_clip(tokenizer, projected=True),
            tokenizer=tokenizer,
            tokenizer_2=tokenizer,
            unet=unet,
            scheduler=DDIMScheduler(steps_offset=1, clip_sample=False, prediction_type="v_prediction"),
            add_watermarker=False,
        )
    pipeline.save_pretrained(folder)
    return folder


def write_tiny_sd3(folder: Path) -> Path:
    """Write a Stable Diffusion 3 pipeline: three text encoders, a transformer, flow matching."""
    from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline

    tokenizer, pieces = tiny_tokenizer(folder.parent / "tokenizer"), _pieces()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformer = SD3Transformer2DModel(
            sample_size=16,
            patch_size=2,
            in_channels=4,
            out_channels=4,
            num_layers=2,
            attention_head_dim=8,
            num_attention_heads=2,
            joint_attention_dim=32,
            caption_projection_dim=16,
            pooled_projection_dim=32,
        )
        pipeline = StableDiffusion3Pipeline(
            transformer=transformer,
            scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
            vae=tiny_vae(8, 8, shift_factor=0.06, use_quant_conv=False, use_post_quant_conv=False),
            text_encoder=_clip(tokenizer, projected=True),
            tokenizer=tokenizer,
            text_encoder_2=_clip(tokenizer, projected=True),
            tokenizer_2=tokenizer,
            text_encoder_3=_t5(pieces, width=32),
            tokenizer_3=pieces,
        )
    pipeline.save_pretrained(folder)
    return folder


def write_tiny_flux(folder: Path) -> Path:
    """Write a Flux pipeline: packed latents, positions, times from 0 to 1, distilled guidance."""
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel

    tokenizer, pieces = tiny_tokenizer(folder.parent / "tokenizer"), _pieces()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformer = FluxTransformer2DModel(
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=16,
            pooled_projection_dim=16,
            axes_dims_rope=(4, 4, 8),
            guidance_embeds=True,
        )
        pipeline = FluxPipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
            vae=tiny_vae(8, 8, shift_factor=0.1, use_quant_conv=False, use_post_quant_conv=False),
            text_encoder=_clip(tokenizer, projected=False),
            tokenizer=tokenizer,
            text_encoder_2=_t5(pieces, width=16),
            tokenizer_2=pieces,
            transformer=transformer,
        )
    pipeline.save_pretrained(folder)
    return folder
