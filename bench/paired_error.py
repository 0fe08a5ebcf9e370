"""Error and power of the paired test, by simulation: figures of docs/results.md. `python bench/paired_error.py`."""

from __future__ import annotations

import argparse
import itertools
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from atlantis_core.metrics.outcomes import QueryOutcomes
from atlantis_core.metrics.paired_test import compare
from atlantis_core.records import Comparison

GAIN = 0.08
FIRST_OF_TWO_ROUNDS = 0.05 / 1.5


def round_of(
    number: int,
    seeds: int,
    shift: float,
    *,
    classes: int = 48,
    queries: int = 300,
    seed_sd: float = 0.01,
    shared: float = 0.0,
) -> Comparison:
    """Draw a round: both arms are the same recipe but for `shift`.

    Every model flips each query with 10 %, moves whole classes by 8 points (standard deviation) and all queries at
    once by `seed_sd`; `shared` of these variances is common to the two models of one seed.
    """
    generator = np.random.default_rng((41, number))
    label = generator.integers(0, classes, queries)
    ease = generator.normal(0, 2, queries) + generator.normal(0, 0.8, classes)[label]
    known = generator.random(queries) < 1 / (1 + np.exp(-ease))
    ids = tuple(f"q{number}" for number in range(queries))

    def noise() -> list[NDArray[np.float64]]:
        return [generator.normal(size=size) for size in (classes, 1, queries)]

    def model(common: list[NDArray[np.float64]], by: float) -> QueryOutcomes:
        both = zip(common, noise(), strict=True)
        of_class, of_all, of_query = (shared**0.5 * old + (1 - shared) ** 0.5 * new for old, new in both)
        chance = np.where(known, 0.9, 0.1) + 0.08 * of_class[label] + seed_sd * of_all + by
        hit = stats.norm.cdf(of_query) < np.clip(chance, 0, 1)
        return QueryOutcomes(ids, hit, ("x",) * queries)

    common = [noise() for _ in range(seeds)]
    control, candidate = [model(one, 0) for one in common], [model(one, shift) for one in common]
    return compare(control, candidate, {i: str(c) for i, c in zip(ids, label, strict=True)})


def main() -> None:
    """Simulate rounds without and with a gain and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=1000)
    rounds = parser.parse_args().rounds
    print(f"| seeds | classes, queries | spread between seeds | shared | accepted at 5 % | +{100 * GAIN:.0f} found |")
    print("|" + " --- |" * 6)
    sizes, spreads = ((2, 80), (4, 160), (8, 320), (48, 2592)), (0.01, 0.02, 0.03)
    for seeds, (classes, queries), spread, shared in itertools.product((2, 3, 5), sizes, spreads, (0.0, 0.6)):
        simulated = partial(round_of, seeds=seeds, classes=classes, queries=queries, seed_sd=spread, shared=shared)
        null = [simulated(number, shift=0.0).p_value <= 0.05 for number in range(rounds)]
        real = [simulated(rounds + n, shift=GAIN).p_value <= FIRST_OF_TWO_ROUNDS for n in range(rounds // 4)]
        cells = (f"{seeds}", f"{classes}, {queries}", f"{100 * spread:.0f} points", f"{shared:.0%}")
        print("| " + " | ".join((*cells, f"{np.mean(null):.1%}", f"{np.mean(real):.0%}")) + " |", flush=True)


if __name__ == "__main__":
    main()
