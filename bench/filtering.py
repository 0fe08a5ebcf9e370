"""Every outlier scorer on embeddings: how fast, how many it keeps, and how many of those show the right class.

`python bench/filtering.py FOLDER`, with what the released ATLANTIS ships for Cars196: `original_embeddings.npy`,
`original_labels.npy`, `synthetic_embeddings.npy`, `synthetic_labels.npy`. The rival is the released way: a call of
scikit-learn's `euclidean_distances` an image. Nothing is copied on disk by either.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from atlantis_core.base.ports import SCORERS
from atlantis_core.base.registry import load_part
from atlantis_core.filtering.centre_ratio import CentreRatioScorer
from atlantis_core.filtering.centres import ClassCentres
from atlantis_core.filtering.embedded import AUTO, filter_embeddings
from atlantis_core.filtering.embedding_files import EmbeddedImages

REPEATS = 7
SEEDS = 5
FACTOR = 1.5


def one_by_one(real: EmbeddedImages, made: EmbeddedImages) -> list[int]:
    """Reject synthetic images as the released script does, an image at a time; return their indices."""
    from sklearn.metrics.pairwise import euclidean_distances

    centres, usual = {}, {}
    for label in set(real.labels.tolist()):
        of_class = real.embeddings[real.labels == label]
        centres[label] = of_class.mean(axis=0)
        usual[label] = float(euclidean_distances(of_class, centres[label][None]).mean())
    rejected = []
    for index, label in enumerate(made.labels.tolist()):
        away = euclidean_distances(made.embeddings[index][None], centres[label][None])[0][0]
        if away > usual[label] * FACTOR:
            rejected.append(index)
    return rejected


def at_once(real: EmbeddedImages, made: EmbeddedImages) -> list[int]:
    """Reject synthetic images by `centre_ratio`; return their indices."""
    scores = CentreRatioScorer(FACTOR).fit(real.embeddings, real.labels).score(made.embeddings, made.labels)
    found: list[int] = np.flatnonzero(scores > FACTOR).tolist()
    return found


def turn_by_turn(*ways: Callable[[], object]) -> list[float]:
    """Return each way's best seconds of `REPEATS`, taken in turn, so that other jobs slow all of them."""
    best = [float("inf")] * len(ways)
    for _ in range(REPEATS):
        for place, way in enumerate(ways):
            started = time.perf_counter()
            way()
            best[place] = min(best[place], time.perf_counter() - started)
    return best


def halved(real: EmbeddedImages, seed: int) -> tuple[EmbeddedImages, EmbeddedImages]:
    """Split each class's real images in two."""
    order = np.random.default_rng(seed).permutation(len(real.labels))
    order = order[np.argsort(real.labels[order], kind="stable")]
    first, second = order[::2], order[1::2]
    return (
        EmbeddedImages(real.embeddings[first], real.labels[first]),
        EmbeddedImages(real.embeddings[second], real.labels[second]),
    )


def right_by_unseen(name: str, real: EmbeddedImages, made: EmbeddedImages, seed: int) -> float:
    """Return the share of right ones among the best synthetic images, as many as the released rule keeps.

    The scorer learns from half of the real images, and a synthetic image is right if its nearest neighbour among the
    other half has its class.
    """
    learned, judge = halved(real, seed)
    nearest = (made.embeddings @ judge.embeddings.T).argmax(axis=1)
    count = int(filter_embeddings(learned, made, "centre_ratio").kept.sum())
    best = np.argsort(filter_embeddings(learned, made, name).scores, kind="stable")[:count]
    return float((judge.labels[nearest] == made.labels)[best].mean())


def row(name: str, real: EmbeddedImages, made: EmbeddedImages) -> str:
    """Return a table row about one scorer."""
    found = filter_embeddings(real, made, name)
    as_many = int((filter_embeddings(real, made, "centre_ratio").kept).sum())
    best = np.argsort(found.scores, kind="stable")[:as_many]
    unseen = [right_by_unseen(name, real, made, seed) for seed in range(SEEDS)]
    (taken,) = turn_by_turn(lambda: filter_embeddings(real, made, name))
    cells = (
        f"`{name}`",
        f"{found.threshold:.3f}",
        "" if name == AUTO else f"{real_share(name, real, found.threshold):.1%}",
        f"{found.kept.mean():.1%} ({found.kept.sum():,})",
        f"{found.nearest_own[found.kept].mean():.1%}",
        f"{found.nearest_own[best].mean():.1%}",
        f"{np.mean(unseen):.1%} ({min(unseen):.1%} to {max(unseen):.1%})",
        f"{taken * 1000:.0f}",
    )
    return "| " + " | ".join(cells) + " |"


def real_share(name: str, real: EmbeddedImages, threshold: float) -> float:
    """Return the share of the real images that pass, of a half that the scorer was not fitted on."""
    fitted, others = halved(real, 0)
    scorer = load_part(SCORERS, name, "scorer")().fit(fitted.embeddings, fitted.labels)
    return float((scorer.score(others.embeddings, others.labels) <= threshold).mean())


def load_released(folder: Path) -> tuple[EmbeddedImages, EmbeddedImages]:
    """Return the real and the synthetic images of the released embeddings."""
    names = ("original_embeddings", "original_labels", "synthetic_embeddings", "synthetic_labels")
    arrays = [np.load(folder / f"{name}.npy") for name in names]
    real, made = (EmbeddedImages(arrays[row], arrays[row + 1].astype(np.int64)) for row in (0, 2))
    return real, made


def main() -> None:
    """Print the comparison with the released way, and a Markdown table of all scorers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    real, made = load_released(folder)
    slow, fast = one_by_one(real, made), at_once(real, made)
    slow_seconds, fast_seconds = turn_by_turn(lambda: one_by_one(real, made), lambda: at_once(real, made))
    print(f"rejected: {len(slow)} one by one, {len(fast)} at once, the same: {slow == fast}, of {len(made.labels)}")
    print(f"one by one {slow_seconds * 1000:.1f} ms, at once {fast_seconds * 1000:.2f} ms: ", end="")
    print(f"{slow_seconds / fast_seconds:.0f} times as fast (best of {REPEATS} each)\n")
    own = ClassCentres.of(real.embeddings, real.labels).distances(made.embeddings).argmin(axis=1) == made.labels
    print(f"all synthetic images: {own.mean():.1%} nearest their own class's centre\n")
    print("| scorer | threshold | real pass | kept | right | right at the released yield | ... by unseen | ms |")
    print("|" + " --- |" * 8)
    for name in (AUTO, *sorted(SCORERS)):
        print(row(name, real, made))


if __name__ == "__main__":
    main()
