"""A tiny Stable Diffusion pipeline with seeded random weights, made from configurations alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

MAX_TOKENS = 24


def tiny_tokenizer(folder: Path) -> Any:
    """A CLIP tokenizer whose words are single letters."""
    from transformers import CLIPTokenizer

    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(
        vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"), model_max_length=MAX_TOKENS
    )


def clip_shape(tokenizer: Any, **sizes: Any) -> Any:
    """The configuration of a CLIP text encoder for a tokenizer."""
    from transformers import CLIPTextConfig

    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=MAX_TOKENS,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **sizes,
    )


def tiny_vae(*widths: int, **changes: Any) -> Any:
    """A VAE of a few channels that halves the side once."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=widths,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=32,
        **changes,
    )


def write_tiny_pipeline(folder: Path) -> Path:
    """Write the pipeline's folder: 32 px images, some hundred thousand random weights."""
    from diffusers import DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextModel

    tokenizer = tiny_tokenizer(folder.parent / "tokenizer")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = CLIPTextModel(
            clip_shape(
                tokenizer,
                hidden_size=32,
                intermediate_size=37,
                projection_dim=32,
                num_hidden_layers=1,
                num_attention_heads=4,
            )
        )
        vae = tiny_vae(8, 16)
        unet = UNet2DConditionModel(
            sample_size=16,
            block_out_channels=(8, 16),
            layers_per_block=1,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=32,
            attention_head_dim=4,
            norm_num_groups=4,
        )
    pipeline = StableDiffusionPipeline(
        vae=vae,
        text_encoder=encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=DDIMScheduler(steps_offset=1, clip_sample=False, set_alpha_to_one=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)
    return folder


def write_tiny_controlnet(folder: Path, pipeline: Path) -> Path:
    """Write a ControlNet for the tiny pipeline that has an effect: unlike a new one, its outputs are not zero."""
    from diffusers import ControlNetModel, UNet2DConditionModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        unet = UNet2DConditionModel.from_pretrained(pipeline, subfolder="unet")
        controlnet = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(4, 8))
        for layer in (*controlnet.controlnet_down_blocks, controlnet.controlnet_mid_block):
            torch.nn.init.normal_(layer.weight, std=0.5)
        torch.nn.init.normal_(controlnet.controlnet_cond_embedding.conv_out.weight, std=0.5)
    controlnet.save_pretrained(folder)
    return folder


def write_tiny_lora(folder: Path, pipeline: Path) -> Path:
    """Write LoRA weights for the tiny pipeline's attention."""
    from diffusers import StableDiffusionPipeline, UNet2DConditionModel
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        unet = UNet2DConditionModel.from_pretrained(pipeline, subfolder="unet")
        unet.add_adapter(LoraConfig(r=2, init_lora_weights=False, target_modules=["to_q", "to_v"]))
        StableDiffusionPipeline.save_lora_weights(folder, unet_lora_layers=get_peft_model_state_dict(unet))
    return folder


def write_tiny_ip_adapter(folder: Path, pipeline: Path) -> Path:
    """Write an IP-Adapter for the tiny pipeline, in the layout of h94/IP-Adapter; return its folder."""
    from diffusers import UNet2DConditionModel
    from safetensors.torch import save_file
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    unet = UNet2DConditionModel.from_pretrained(pipeline, subfolder="unet")
    seen, tokens, width = 16, 4, unet.config.cross_attention_dim
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        eye = CLIPVisionModelWithProjection(
            CLIPVisionConfig(
                hidden_size=32,
                intermediate_size=37,
                projection_dim=seen,
                num_hidden_layers=1,
                num_attention_heads=4,
                image_size=224,
                patch_size=32,
            )
        )
        state = {
            "image_proj.proj.weight": torch.randn(tokens * width, seen),
            "image_proj.proj.bias": torch.zeros(tokens * width),
            "image_proj.norm.weight": torch.ones(width),
            "image_proj.norm.bias": torch.zeros(width),
        }
        for number, name in enumerate(name for name in unet.attn_processors if "attn2" in name):
            inner = unet.get_submodule(name.removesuffix(".processor")).to_k.out_features
            for part in ("to_k_ip", "to_v_ip"):
                state[f"ip_adapter.{2 * number + 1}.{part}.weight"] = torch.randn(inner, width)
    eye.save_pretrained(folder / "models" / "image_encoder")
    save_file(state, folder / "models" / "ip-adapter.safetensors")
    return folder
