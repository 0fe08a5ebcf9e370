"""Images a second from the bundled pipeline, in batches and one at a time: `python bench/generation.py`.

Both in one run, turn by turn, on the same requests; loading is left out. The figures are in docs/performance.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from atlantis_core.generation.diffusion.generator import DiffusionGenerator
from atlantis_core.harbor.vocabulary import CONDITIONS, DEMO_CLASSES, caption_for
from atlantis_core.records import Cell, GenerationRequest

REPEATS = 3


def asked(count: int) -> list[GenerationRequest]:
    """Return requests for demo classes in all conditions."""
    pairs = [(DEMO_CLASSES[i * 5 % len(DEMO_CLASSES)], CONDITIONS[i % len(CONDITIONS)]) for i in range(count)]
    return [
        GenerationRequest(str(i), Cell(c.label, "condition", w), f"a photo of {caption_for(c, w)}", i, "", "", 64)
        for i, (c, w) in enumerate(pairs)
    ]


def seconds(job: Callable[[], object]) -> float:
    """Return how long a call takes."""
    started = time.perf_counter()
    job()
    return time.perf_counter() - started


def drawn(generator: DiffusionGenerator, requests: Sequence[GenerationRequest]) -> npt.NDArray[np.uint8]:
    """Return the images, (N, H, W, 3)."""
    return np.stack([np.asarray(image) for image in generator.generate(requests)])


def main() -> None:
    """Time both ways and print the rates and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pipeline", default="harbor", help="folder, hub name or `harbor`, with options")
    parser.add_argument("--images", type=int, default=32)
    given = parser.parse_args()
    generator, requests = DiffusionGenerator(given.pipeline), asked(given.images)
    drawn(generator, requests[:2])  # loads, and warms up
    batched, single = [], []
    for _ in range(REPEATS):
        batched.append(seconds(lambda: drawn(generator, requests)))
        single.append(seconds(lambda: [drawn(generator, [request]) for request in requests]))
    together = drawn(generator, requests[:8]).astype(int)
    alone = np.concatenate([drawn(generator, [request]) for request in requests[:8]]).astype(int)
    ratios = sorted(one / many for one, many in zip(single, batched, strict=True))
    print("| images | batched, per second | one at a time, per second | ratio (each repeat) |\n|" + " --- |" * 4)
    rates = f"{given.images / min(batched):.1f} | {given.images / min(single):.1f}"
    print(f"| {given.images} | {rates} | {', '.join(f'{ratio:.2f}' for ratio in ratios)} |")
    print(f"largest difference of a pixel between both ways: {np.abs(together - alone).max()} of 255")


if __name__ == "__main__":
    main()
