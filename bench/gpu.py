"""Throughput on one GPU: `python bench/gpu.py`, for docs/performance.md. Without a GPU it says so and ends.

ViT-S/16 at 224 px, training and inference in bf16, compiled and not; and an SDXL-shaped UNet from its public
configuration with random weights: 4 steps at 512 and 1024 px, in batches. `--tiny` runs the same code on anything.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import torch

SDXL: dict[str, Any] = {
    "sample_size": 128,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "block_out_channels": (320, 640, 1280),
    "layers_per_block": 2,
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
    "use_linear_projection": True,
}
"""stabilityai/stable-diffusion-xl-base-1.0, unet/config.json: 2.6 G parameters."""

TINY_SDXL = {**SDXL, "block_out_channels": (32, 64, 64), "transformer_layers_per_block": (1, 1, 1)}
STEPS = 4
REPEATS = 5


def rate(images: int, job: Callable[[], object], device: str) -> float:
    """Return the best images a second of some repeats, after two to warm up (and to compile)."""

    def seconds() -> float:
        started = time.perf_counter()
        job()
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - started

    for _ in range(2):
        seconds()
    return images / min(seconds() for _ in range(REPEATS))


def vit_rows(device: str, *, tiny: bool) -> list[tuple[str, float]]:
    """Time ViT-S/16."""
    import timm

    name, batch = ("vit_tiny_patch16_224", 2) if tiny else ("vit_small_patch16_224", 256)
    rows = []
    images = torch.randn(batch, 3, 224, 224, device=device)
    for compiled in (False, True):
        model: Any = timm.create_model(name, num_classes=128).to(device)
        optimiser = torch.optim.AdamW(model.parameters(), fused=device == "cuda")
        run: Any = torch.compile(model) if compiled else model

        def train(run: Any = run, optimiser: Any = optimiser) -> None:
            with torch.autocast(device, torch.bfloat16):
                loss = run(images).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

        def infer(run: Any = run) -> None:
            with torch.inference_mode(), torch.autocast(device, torch.bfloat16):
                run(images)

        how = "bf16, compiled" if compiled else "bf16"
        rows += [
            (f"{name}, training, {how}, batch {batch}", rate(batch, train, device)),
            (f"{name}, inference, {how}, batch {batch}", rate(batch, infer, device)),
        ]
    return rows


def sdxl_rows(device: str, *, tiny: bool) -> list[tuple[str, float]]:
    """Time the denoising of an SDXL-shaped UNet, text encoders and autoencoder left out."""
    from diffusers import UNet2DConditionModel

    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    unet: Any = UNet2DConditionModel(**(TINY_SDXL if tiny else SDXL)).to(device, dtype).eval()
    rows = []
    for side, batches in ((64, (1, 2)),) if tiny else ((512, (1, 8, 16)), (1024, (1, 4, 8))):
        for batch in batches:
            latents = torch.randn(batch, 4, side // 8, side // 8, device=device, dtype=dtype)
            words = torch.randn(batch, 77, 2048, device=device, dtype=dtype)
            more = {
                "text_embeds": torch.randn(batch, 1280, device=device, dtype=dtype),
                "time_ids": torch.full((batch, 6), float(side), device=device, dtype=dtype),
            }

            def draw(latents: Any = latents, words: Any = words, more: Any = more) -> None:
                with torch.inference_mode():
                    for step in range(STEPS):
                        unet(latents, 999 - 249 * step, words, added_cond_kwargs=more)

            rows.append((f"SDXL's UNet, {STEPS} steps, {side} px, batch {batch}", rate(batch, draw, device)))
    return rows


def main() -> None:
    """Time everything and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--tiny", action="store_true", help="small models on any device: shows only that it runs")
    given = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu" and not given.tiny:
        print("there is no GPU here: bench/gpu.py was not run")
        return
    print(f"{torch.cuda.get_device_name() if device == 'cuda' else 'cpu'}, torch {torch.__version__}\n")
    print("| what | images a second |\n| --- | --- |")
    for name, images in vit_rows(device, tiny=given.tiny) + sdxl_rows(device, tiny=given.tiny):
        print(f"| {name} | {images:,.1f} |", flush=True)


if __name__ == "__main__":
    main()
