"""What the kept synthetic images do to retrieval: Recall@1 with them in the gallery, by real images a class.

`python bench/filtering_risk.py FOLDER`, with what the released ATLANTIS ships for Cars196 (see `filtering.py`). The
gallery has k real images of each class, drawn by a seed, and the synthetic images that a filter keeps which knows
these k alone; all other real images are queries. The constants of `risk` were chosen on the classes of even number.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from filtering import load_released
from numpy.typing import NDArray

from atlantis_core.filtering.embedded import filter_embeddings
from atlantis_core.filtering.embedding_files import EmbeddedImages

SEEDS = range(10)
REAL_A_CLASS = (2, 5, 10, 20, 40)
QUOTA = 20
Filter = Callable[[EmbeddedImages, EmbeddedImages], NDArray[np.bool_]]
FILTERS: dict[str, Filter] = {
    "real only": lambda _, made: np.zeros(len(made.labels), np.bool_),
    "unfiltered": lambda _, made: np.ones(len(made.labels), np.bool_),
    "centre_ratio": lambda real, made: filter_embeddings(real, made, "centre_ratio").kept,
    "margin": lambda real, made: filter_embeddings(real, made, "margin").kept,
    "auto": lambda real, made: filter_embeddings(real, made).kept,
    "risk": lambda real, made: filter_embeddings(real, made, "risk").kept,
    f"risk, quota {QUOTA}": lambda real, made: filter_embeddings(real, made, "risk", quota=QUOTA).kept,
}


def draw(real: EmbeddedImages, count: int, seed: int) -> NDArray[np.bool_]:
    """Mark `count` real images of each class."""
    rng, drawn = np.random.default_rng(seed), np.zeros(len(real.labels), np.bool_)
    for label in np.unique(real.labels):
        drawn[rng.permutation(np.flatnonzero(real.labels == label))[:count]] = True
    return drawn


def choose(given: EmbeddedImages, rows: NDArray[np.bool_]) -> EmbeddedImages:
    """Return the images of a mask."""
    return EmbeddedImages(given.embeddings[rows], given.labels[rows])


def recall(gallery: EmbeddedImages, added: EmbeddedImages, queries: EmbeddedImages) -> float:
    """Return Recall@1 of queries in the gallery with synthetic images added."""
    points = np.concatenate([gallery.embeddings, added.embeddings])
    labels = np.concatenate([gallery.labels, added.labels])
    return float((labels[(queries.embeddings @ points.T).argmax(axis=1)] == queries.labels).mean())


def measure(real: EmbeddedImages, made: EmbeddedImages, count: int, seed: int) -> list[tuple[float, float]]:
    """Return Recall@1 and the share of synthetic images kept, for each filter."""
    drawn = draw(real, count, seed)
    gallery, queries = choose(real, drawn), choose(real, ~drawn)
    found = []
    for keep in FILTERS.values():
        kept = keep(gallery, made)
        found.append((recall(gallery, choose(made, kept), queries), float(kept.mean())))
    return found


def main() -> None:
    """Print a Markdown table for each half of the classes: means over draws, in brackets their standard deviation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    real, made = load_released(folder)
    for title, parity in (("odd classes, never tuned on", 1), ("even classes, tuned on", 0)):
        print(f"\n{title}\n\n| k | " + " | ".join(FILTERS) + " | kept by risk | least lead of risk |")
        print("|" + " --- |" * (len(FILTERS) + 3))
        halves = choose(real, real.labels % 2 == parity), choose(made, made.labels % 2 == parity)
        for count in REAL_A_CLASS:
            runs = np.array([measure(*halves, count, seed) for seed in SEEDS])
            recalls, kept = runs[..., 0], runs[..., 1]
            cells = [
                f"{mean:.3f} ({spread:.3f})" for mean, spread in zip(recalls.mean(0), recalls.std(0), strict=True)
            ]
            place = list(FILTERS).index("risk")
            least = (recalls[:, place] - recalls[:, :3].max(axis=1)).min()
            print(
                f"| {count} | " + " | ".join(cells) + f" | {kept[:, place].mean():.0%} | {least * 100:+.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
