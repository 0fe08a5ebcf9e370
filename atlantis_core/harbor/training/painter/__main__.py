"""Train the painter: `python -m atlantis_core.harbor.training.painter --work FOLDER [--minutes M]`.

Stages, each resumable: render the pool, text encoder, decoder, denoiser. Called again, it goes on. After the last one
(or whenever the time is up) the pipeline as it is then is written to `FOLDER/pipeline`. Decoder and denoiser do not
wait for each other: once the text encoder is trained, two processes may train one each, by `--stages`.
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
from atlantis_core.harbor.training.resumable import (
    Training,
    describe_machine,
    print_progress,
    restore_checkpoint,
    train,
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """The settings of one training of the painter."""

    pictures_per_combination: int = 14
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
    """Train all stages as far as the time allows, and write the pipeline to `work/pipeline`.

    Args:
        recipe: The settings.
        pool: Training pictures.
        work: Folder of checkpoints and loss curves; what is found there is continued.
        device: Where to compute.
        deadline: Value of `time.monotonic()` after which to stop; None for no limit.
        stages: Which of `STAGES` to train now; the others stay as they are.

    Returns:
        Whether the training is complete.
    """
    import torch

    torch.manual_seed(recipe.seed)
    vae = autoencoder.make_autoencoder(pool.pictures)
    tokenizer = words.make_tokenizer(work / "tokenizer")
    encoder = words.make_encoder(tokenizer)
    unet = denoiser.make_denoiser()
    if not train(
        "text", words.TextEncoderTraining(tokenizer, encoder), recipe.text_steps, work, print_progress, deadline
    ):
        return False
    copyist = autoencoder.AutoencoderTraining(vae, pool, recipe.decoder_steps, device)
    teaching = denoiser.DenoiserTraining(
        unet,
        (tokenizer, encoder),
        _load_latents(vae.eval(), pool, work, device),
        pool,
        recipe.denoiser_steps,
        recipe.batch,
        recipe.rate,
        device,
    )
    lessons: dict[str, tuple[Training, int]] = {
        "decoder": (copyist, recipe.decoder_steps),
        "denoiser": (teaching, recipe.denoiser_steps),
    }
    for name in stages:
        lesson, steps = lessons[name]
        train(name, lesson, steps, work, print_progress, deadline)
    done = all(restore_checkpoint(lesson, work / f"{name}.pt") >= steps for name, (lesson, steps) in lessons.items())
    facts = {"recipe": asdict(recipe), "complete": done, "machine": describe_machine(device)}
    write_pipeline(work / "pipeline", tokenizer, encoder, vae, teaching.average, facts)
    return done


def _load_latents(vae: Any, pool: Pool, work: Path, device: str) -> np.ndarray[Any, np.dtype[np.float16]]:
    """Return the pool's latents."""
    file = work / f"latents-{len(pool.pictures)}.npy"
    if not file.exists():
        shards = []
        for start in range(0, len(pool.pictures), 1024):
            shards.append(autoencoder.encode_latents(vae, pool.pictures[start : start + 1024], device))
            print_progress("encoding", min(start + 1024, len(pool.pictures)), len(pool.pictures))
        part = file.with_suffix(f".{os.getpid()}.part.npy")  # decoder and denoiser may begin at the same time
        np.save(part, np.concatenate(shards))
        part.replace(file)
    found: np.ndarray[Any, np.dtype[np.float16]] = np.load(file)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and train."""
    usual = Recipe()
    parser = argparse.ArgumentParser(prog="python -m atlantis_core.harbor.training.painter", description=__doc__)
    parser.add_argument(
        "--work", type=Path, required=True, help="folder for pool and checkpoints; continued if there"
    )
    parser.add_argument("--minutes", type=float, default=None, help="stop after this time; call again to go on")
    parser.add_argument("--steps", type=int, default=usual.denoiser_steps, help="of the denoiser")
    parser.add_argument("--batch", type=int, default=usual.batch)
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES, help="which to train now")
    parser.add_argument("--device", default=best_device())
    given = parser.parse_args(arguments)
    deadline = None if given.minutes is None else time.monotonic() + 60 * given.minutes
    recipe = Recipe(denoiser_steps=given.steps, batch=given.batch)
    pool = load_pool(given.work, recipe.pictures_per_combination, print_progress)
    done = train_painter(recipe, pool, given.work, given.device, deadline, given.stages)
    sys.stderr.write("complete\n" if done else "not complete yet; call again to go on\n")


if __name__ == "__main__":
    main()
