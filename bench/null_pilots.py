"""Null runs and planted gains with pilots, by simulation: figures of docs/results.md. `python bench/null_pilots.py`.

A run has `--remedies`, of which `--servings` share the incumbent's trainings. Without a planted gain none has any on
the population of queries, but each changes some queries of this sample for good, in every training alike, so that the
best of several pilots looks better than it is: the selection that the judge's division by the number of pilots
answers. Each round pilots what is left as `run.pilots` does: servings on the judging models, anything else by one
training with the diagnosing seed against the incumbent's first judging model. It chooses by `choose_pilot` and judges
seed by seed. A run ends when a round is kept, when no pilot promises a gain, or after `--rounds`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from null_rounds import Hits, Trainings, plant, simulate_seeds

from atlantis_core.metrics.outcomes import QueryOutcomes
from atlantis_core.metrics.paired_test import SEED_SD, compare, share_of_error
from atlantis_core.metrics.power import QUERY_VARIANCE, Design, forecast
from atlantis_core.metrics.sequential import look_levels
from atlantis_core.metrics.variance_components import learn_spread, prior_spread
from atlantis_core.records import Comparison, Offer, Pilot
from atlantis_core.run.judging import find_verdict
from atlantis_core.run.pilot_choice import choose_pilot


@dataclass(frozen=True, slots=True)
class Arms:
    """A simulated collection: the incumbent and each remedy, hits (seeds, Q); the first seed diagnoses."""

    incumbent: Trainings
    remedies: tuple[Hits, ...]
    servings: int
    """The first of the remedies are servings: the incumbent's own trainings, searched otherwise."""

    def pilot(self, remedy: int, begin: int) -> Comparison:
        """Compare a remedy with the incumbent as a pilot does, in a run that begins with so many seeds."""
        judging = slice(1, 1 + begin)
        return self.judge(remedy, judging) if remedy < self.servings else self._compare(remedy, slice(1, 2), slice(1))

    def judge(self, remedy: int, rows: slice) -> Comparison:
        """Compare a remedy with the incumbent on some seeds."""
        return self._compare(remedy, rows, rows)

    def _compare(self, remedy: int, rows: slice, own: slice) -> Comparison:
        labels = self.incumbent.labels
        ids = tuple(f"q{row}" for row in range(len(labels)))
        control, candidate = (
            [QueryOutcomes(ids, row, ("",) * len(ids)) for row in hits[rows]]
            for hits, rows in ((self.incumbent.hits, rows), (self.remedies[remedy], own))
        )
        spread = 0.0 if remedy < self.servings else SEED_SD
        return compare(control, candidate, dict(zip(ids, labels, strict=True)), None, spread)


@dataclass(frozen=True, slots=True)
class Judged:
    """A round of a simulated run."""

    remedy: int
    verdict: str
    seeds: int


def change_for_good(hits: Hits, chance: np.ndarray, generator: np.random.Generator) -> Hits:
    """Turn some queries into lasting hits and others into lasting misses, without a gain on the population.

    A query of chance p becomes a lasting hit with probability c p and a lasting miss with c (1 - p), so that its
    expected gain is 0; c gives the variance that forecasts assume (`power.QUERY_VARIANCE`).
    """
    share = QUERY_VARIANCE / float((chance * (1 - chance)).mean())
    drawn = generator.random(len(chance))
    changed = hits.copy()
    changed[:, drawn < share * chance] = True
    changed[:, drawn > 1 - share * (1 - chance)] = False
    return changed


def simulate_run(asked: argparse.Namespace, gain: float, last: int, generator: np.random.Generator) -> Arms:
    """Draw an incumbent and remedies with `last` judging seeds; the last remedy has the planted gain."""
    sizes = (asked.classes, asked.per_class)
    trainings = 1 + asked.remedies - asked.servings
    arms = simulate_seeds(trainings, last + 1, asked.spread / 100, asked.shared, sizes, generator)
    chance = np.clip(np.concatenate([arm.hits for arm in arms]).mean(axis=0), 0.05, 0.95)
    own = [arms[0].hits] * asked.servings + [arm.hits for arm in arms[1:]]
    changed = [change_for_good(hits, chance, generator) for hits in own]
    changed[-1] = plant(changed[-1], gain, generator)
    return Arms(arms[0], tuple(changed), asked.servings)


def play_run(arms: Arms, rounds: int, begin: int, end: int) -> list[Judged]:
    """Play the rounds of a run until one is kept or no pilot promises a gain."""
    left, judged = list(range(len(arms.remedies))), []
    for number in range(1, rounds + 1):
        error = share_of_error(number, rounds, len(left))
        chosen = choose_pilot([_pilot(arms, remedy, begin) for remedy in left], error, seeds=(begin, end))
        if chosen is None:
            break
        remedy = int(chosen.offer.remedy)
        judged.append(_judge(arms, remedy, error, begin, end))
        if judged[-1].verdict == "proven":
            break
        left.remove(remedy)
    return judged


def _pilot(arms: Arms, remedy: int, begin: int) -> Pilot:
    offer = Offer(str(remedy), "", makes_images=False, trainings=int(remedy >= arms.servings))
    return Pilot(offer, (), arms.pilot(remedy, begin), None, images=0, kept=0, seconds=0.0)


def _judge(arms: Arms, remedy: int, error: float, begin: int, end: int) -> Judged:
    for seeds in range(begin, end + 1):
        found = arms.judge(remedy, slice(1, 1 + seeds))
        look = find_verdict(found, found, error, begin, end)
        if not look.wants_seed:
            break
    return Judged(remedy, look.verdict, seeds)


def forecast_seeds(asked: argparse.Namespace) -> int | None:
    """Return how many seeds the forecast of the first round asks for at +2 points, after three known trainings."""
    queries, sizes = asked.classes * asked.per_class, np.full(asked.classes, float(asked.per_class))
    known = simulate_seeds(
        1, 3, asked.spread / 100, 0.0, (asked.classes, asked.per_class), np.random.default_rng((18, 0))
    )
    spread = learn_spread((), prior_spread(queries, sizes, SEED_SD), [known[0].hits.mean(axis=1)])
    error = share_of_error(1, asked.rounds, asked.remedies)
    design = Design(queries, asked.classes, spread, 3)
    return forecast(design, asked.begin, asked.end, look_levels(error, asked.begin, asked.end)).seeds_needed


def format_row(name: str, gain: float, runs: Sequence[list[Judged]], planted: int) -> str:
    """Return a row of the table: what share of runs kept a round, found the planted one, and the seeds spent."""
    rounds = [one for run in runs for one in run]
    kept = np.mean([any(one.verdict == "proven" for one in run) for run in runs])
    found = np.mean([any(one.verdict == "proven" and one.remedy == planted for one in run) for run in runs])
    tried = [one for one in rounds if one.remedy == planted]
    proven = f"{np.mean([one.verdict == 'proven' for one in tried]):.0%} of {len(tried)}" if tried else ""
    seeds = f"{np.mean([one.seeds for one in rounds]):.2f}" if rounds else ""
    of_planted = (f"{found:.1%}", proven) if gain else ("", "")
    cells = (name, f"{100 * gain:+.0f}", f"{len(rounds) / len(runs):.2f}", f"{kept:.1%}", *of_planted, seeds)
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Print a Markdown table of simulated runs, with as many runs for each planted gain."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--remedies", type=int, default=5)
    parser.add_argument("--servings", type=int, default=2)
    parser.add_argument("--classes", type=int, default=48)
    parser.add_argument("--per-class", type=int, default=54)
    parser.add_argument("--spread", type=float, default=1.0, metavar="SD", help="Points between seeds.")
    parser.add_argument("--shared", type=float, default=0.5, help="Part of it that arms of a seed have in common.")
    parser.add_argument("--begin", type=int, default=2)
    parser.add_argument("--end", type=int, default=5)
    parser.add_argument("--gains", type=float, nargs="+", default=[0.0, 2.0], help="In points of Recall@1.")
    parser.add_argument("--as-forecast", action="store_true", help="End with the seeds that the forecast asks for.")
    asked = parser.parse_args()
    needed = forecast_seeds(asked)
    end = max(asked.begin, needed or asked.end) if asked.as_forecast else asked.end
    name = f"{asked.classes} x {asked.per_class}, {asked.spread:g} points, {asked.shared:.0%} shared"
    name += f"; {asked.remedies} remedies, {asked.servings} of them servings"
    name += f"; {asked.begin} to {end} seeds" if end > asked.begin else f"; {end} seeds"
    print(f"the forecast of +2 points asks for {needed} seeds")
    print("| runs | planted | rounds judged | kept any | planted kept | when judged | mean seeds |\n|" + " --- |" * 7)
    for gain in (gain / 100 for gain in asked.gains):
        drawn = (np.random.default_rng((18, number)) for number in range(asked.runs))
        runs = [play_run(simulate_run(asked, gain, end, one), asked.rounds, asked.begin, end) for one in drawn]
        print(format_row(name, gain, runs, asked.remedies - 1), flush=True)


if __name__ == "__main__":
    main()
