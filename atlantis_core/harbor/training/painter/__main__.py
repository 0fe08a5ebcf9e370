"""Train the painter: `python -m atlantis_core.harbor.training.painter --work FOLDER [--minutes M]`.

Stages, each resumable: render the pool, text encoder, decoder, denoiser. Call it again to resume. After the last
stage, or when the time is up, the current pipeline is written to `FOLDER/pipeline`. Decoder and denoiser are
independent: once the text encoder is trained, two processes may train one each with `--stages`.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from atlantis_core.base.parallel import best_device
from atlantis_core.harbor.training.painter import autoencoder, denoiser, words
from atlantis_core.harbor.training.painter.assembling import write_pipeline
from atlantis_core.harbor.training.painter.pool import Pool, load_pool
from atlantis_core.harbor.training.progress import describe_machine, print_progress
from atlantis_core.learning.training.resumable import Training, restore_checkpoint, train


@dataclass(frozen=True, slots=True)
class Recipe:
    """The settings of one training of the painter."""

    images_per_combination: int = 14
    text_steps: int = 400
    decoder_steps: int = 4000
    denoiser_steps: int = 4800
    batch: int = 32
    rate: float = 6e-4
    seed: int = 0


STAGES = ("decoder", "denoiser")


def train_painter(
    recipe: Recipe, pool: Pool, work: Path, device: str, deadline: float | None, stages: Sequence[str] = STAGES
) -> bool:
    """Train the stages until done or the deadline, and write the pipeline to `work/pipeline`.

    Args:
        recipe: The settings.
        pool: Training images.
        work: Folder of checkpoints and loss curves; existing ones are resumed.
        device: Device to train on.
        deadline: Value of `time.monotonic()` after which to stop; None for no limit.
        stages: Which of `STAGES` to train now.

    Returns:
        Whether the training is complete.
    """
    import torch

    torch.manual_seed(recipe.seed)
    vae = autoencoder.make_autoencoder(pool.images)
    tokenizer = words.make_tokenizer(work / "tokenizer")
    encoder = words.make_encoder(tokenizer)
    unet = denoiser.make_denoiser()
    if not train(
        "text", words.TextEncoderTraining(tokenizer, encoder), recipe.text_steps, work, print_progress, deadline
    ):
        return False
    decoding = autoencoder.AutoencoderTraining(vae, pool, recipe.decoder_steps, device)
    denoising = denoiser.DenoiserTraining(
        unet,
        (tokenizer, encoder),
        _load_latents(vae.eval(), pool, work, device),
        pool,
        recipe.denoiser_steps,
        recipe.batch,
        recipe.rate,
        device,
    )
    trainings: dict[str, tuple[Training, int]] = {
        "decoder": (decoding, recipe.decoder_steps),
        "denoiser": (denoising, recipe.denoiser_steps),
    }
    for name in stages:
        training, steps = trainings[name]
        train(name, training, steps, work, print_progress, deadline)
    done = all(restore_checkpoint(one, work / f"{name}.pt") >= steps for name, (one, steps) in trainings.items())
    facts = {"recipe": asdict(recipe), "complete": done, "machine": describe_machine(device)}
    write_pipeline(work / "pipeline", tokenizer, encoder, vae, denoising.average, facts)
    return done


def _load_latents(vae: Any, pool: Pool, work: Path, device: str) -> np.ndarray[Any, np.dtype[np.float16]]:
    """Return the latents of the pool, computed once."""
    file = work / f"latents-{len(pool.images)}.npy"
    if not file.exists():
        shards = []
        for start in range(0, len(pool.images), 1024):
            shards.append(autoencoder.encode_latents(vae, pool.images[start : start + 1024], device))
            print_progress("encoding", min(start + 1024, len(pool.images)), len(pool.images))
        part = file.with_suffix(f".{os.getpid()}.part.npy")  # two processes may compute them at the same time
        np.save(part, np.concatenate(shards))
        part.replace(file)
    found: np.ndarray[Any, np.dtype[np.float16]] = np.load(file)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and train."""
    usual = Recipe()
    parser = argparse.ArgumentParser(prog="python -m atlantis_core.harbor.training.painter", description=__doc__)
    parser.add_argument(
        "--work", type=Path, required=True, help="folder of pool and checkpoints; existing ones are resumed"
    )
    parser.add_argument("--minutes", type=float, default=None, help="stop after this time; call again to resume")
    parser.add_argument("--steps", type=int, default=usual.denoiser_steps, help="of the denoiser")
    parser.add_argument("--batch", type=int, default=usual.batch)
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES, help="which to train now")
    parser.add_argument("--device", default=best_device())
    given = parser.parse_args(arguments)
    deadline = None if given.minutes is None else time.monotonic() + 60 * given.minutes
    recipe = Recipe(denoiser_steps=given.steps, batch=given.batch)
    pool = load_pool(given.work, recipe.images_per_combination, print_progress)
    done = train_painter(recipe, pool, given.work, given.device, deadline, given.stages)
    sys.stderr.write("complete\n" if done else "not complete yet; call again to resume\n")


if __name__ == "__main__":
    main()
