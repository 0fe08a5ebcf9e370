"""Ways to share a round's images out, on synthetic response curves: the figures of docs/results.md.

`python bench/allocation.py --worlds 1000`: seconds, nothing is trained. A world has groups of gaps, each with cells,
queries, a deficit and a gain that n images bring to the share n / (n + h); h differs between groups and is not the
one that the model assumes. A pilot of a tenth of the images measures every group with the error of its queries and
seed. Each way spends the same images; what counts is the true gain over the queries of all groups.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atlantis_core.run.allocation.allocation import spread_by_weight
from atlantis_core.run.allocation.balanced import fill_up
from atlantis_core.run.allocation.gain_model import Observation, Option
from atlantis_core.run.allocation.thompson import spend_images

SEED_SD = 0.0175
"""Standard deviation of one training's Recall@1 between seeds (`metrics.paired_test.SEED_SD`)."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class World:
    """Groups of gaps, each array (G,), the worst first."""

    cells: NDArray[np.int64]
    queries: Floats
    support: Floats
    """Training images of a cell."""
    deficit: Floats
    gain: Floats
    """In Recall@1 with images without end."""
    half: Floats
    """Images of a cell that bring half of it."""

    def true_gain(self, images: Floats) -> float:
        """Return the gain in Recall@1 over the queries of all groups."""
        return float(np.average(self.gain * images / (images + self.half * self.cells), weights=self.queries))


def draw_world(rng: np.random.Generator, groups: int, helped: float) -> World:
    """Draw a world in which images help a share of the groups."""
    deficit = np.sort(rng.uniform(0.05, 0.4, groups))[::-1]
    gain = np.where(rng.random(groups) < helped, deficit * rng.beta(2, 3, groups), -0.02 * rng.random(groups))
    cells = rng.integers(1, 9, groups)
    return World(
        cells,
        cells * rng.integers(5, 30, groups).astype(float),
        rng.integers(0, 20, groups).astype(float),
        deficit,
        gain,
        rng.lognormal(np.log(15), 0.6, groups),
    )


def run_pilot(world: World, images: int, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Return the images of each group in a pilot, the gain it measures and its variance, all (G,)."""
    spent = np.array(spread_by_weight([1.0] * len(world.cells), images), np.float64)
    true = world.gain * spent / (spent + world.half * world.cells)
    variance = 2 * SEED_SD**2 + 0.2 / world.queries
    return spent, true + rng.normal(0, np.sqrt(variance)), variance


def share_by_thompson(world: World, images: int, rng: np.random.Generator) -> Floats:
    """Pilot with a tenth of the images, then share all out."""
    spent, measured, variance = run_pilot(world, round(0.1 * images), rng)
    options = [
        Option(
            "generate",
            str(row),
            int(world.cells[row]),
            world.queries[row] / world.queries.sum(),
            world.deficit[row],
            (Observation(measured[row], variance[row], spent[row]),) if spent[row] else (),
        )
        for row in range(len(world.cells))
    ]
    return np.array(spend_images(options, images, rng), np.float64)


def share_by_targeted(world: World, images: int, _rng: np.random.Generator) -> Floats:
    """Give the worst group all."""
    return np.where(np.arange(len(world.cells)) == 0, float(images), 0.0)


def share_by_balanced(world: World, images: int, _rng: np.random.Generator) -> Floats:
    """Fill the cells with fewest images up."""
    owner = np.repeat(np.arange(len(world.cells)), world.cells)
    counts = fill_up(world.support[owner].astype(int).tolist(), images)
    return np.bincount(owner, weights=counts, minlength=len(world.cells))


WAYS: dict[str, Callable[[World, int, np.random.Generator], Floats]] = {
    "targeted": share_by_targeted,
    "uniform": lambda world, images, _: np.array(spread_by_weight(world.cells.tolist(), images), float),
    "balanced": share_by_balanced,
    "deficit": lambda world, images, _: np.array(
        spread_by_weight((world.cells * world.deficit).tolist(), images), float
    ),
    "thompson": share_by_thompson,
}


def compare_ways(worlds: int, groups: int, images: int, helped: float) -> dict[str, dict[str, float]]:
    """Return mean gain in points with its standard error, images spent, and points per 100 images, of each way."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in WAYS}
    for seed in range(worlds):
        world = draw_world(np.random.default_rng([seed, 0]), groups, helped)
        for name, way in WAYS.items():
            spent = way(world, images, np.random.default_rng([seed, 1]))
            found[name].append((100 * world.true_gain(spent), float(spent.sum())))
    table = {}
    for name, rows in found.items():
        gains, spent = np.array(rows).T
        table[name] = {
            "gain": round(float(gains.mean()), 2),
            "error": round(float(gains.std() / len(gains) ** 0.5), 2),
            "images": round(float(spent.mean())),
            "per_100": round(float(100 * gains.sum() / spent.sum()), 2),
        }
    return table


def main() -> None:
    """Print the comparison as JSON, one line per number of images and share of groups that images help."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--worlds", type=int, default=1000)
    parser.add_argument("--groups", type=int, default=5)
    args = parser.parse_args()
    for helped in (0.2, 0.5, 0.8):
        for images in (100, 400, 1600):
            row = compare_ways(args.worlds, args.groups, images, helped)
            print(json.dumps({"helped": helped, "images": images, **row}), flush=True)


if __name__ == "__main__":
    main()
