"""Null rounds and planted gains from stored outcomes of real trainings: figures of docs/results.md.

`python bench/null_rounds.py harbor --seeds 8` trains the preset with so many seeds, once, and stores every query's
outcome. A null round draws seeds for two arms from them, without any gain; a planted one turns misses of the
candidate into hits. Rounds begin with `--begin` seeds and add one after the other as a run does, with the error of
the first of two rounds. `--classes 7` takes so many classes only. `--simulate 4` draws trainings instead that spread
by 4 points. `--rules` compares ways to spend the error on normal gains, without any training.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import special

from atlantis_core.metrics.outcomes import QueryOutcomes
from atlantis_core.metrics.paired_test import SEED_SD, compare, share_of_error
from atlantis_core.metrics.power import Design, forecast
from atlantis_core.metrics.sequential import look_levels
from atlantis_core.metrics.variance_components import learn_spread, prior_spread
from atlantis_core.run.judging import find_verdict

ERROR = share_of_error(1, 2)
Hits = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Trainings:
    """Outcomes of one recipe: hits (seeds, Q) and the class of each query."""

    hits: Hits
    labels: tuple[str, ...]

    def restrict(self, classes: int, generator: np.random.Generator) -> Trainings:
        """Return the outcomes on some classes."""
        chosen = set(generator.choice(sorted(set(self.labels)), classes, replace=False))
        rows = [row for row, label in enumerate(self.labels) if label in chosen]
        return Trainings(self.hits[:, rows], tuple(self.labels[row] for row in rows))


def train_seeds(data: str, seeds: int, preset: str, weights: str | None, folder: Path) -> Trainings:
    """Train a collection's baseline with judging seeds, or find what was trained before, and measure it."""
    from atlantis_core.run.measurements import load_outcomes
    from atlantis_core.run.training_set import collect_real
    from atlantis_core.run.trials import train_arm
    from atlantis_dml.app.progress import open_stderr_screen
    from atlantis_dml.app.request import RunOptions, build_request
    from atlantis_dml.app.setup import open_session_without_run

    with open_stderr_screen() as screen:
        request = build_request(data, RunOptions(preset=preset, seeds=seeds, weights=weights), folder)
        session = open_session_without_run("null", request, folder, screen)
        trials = train_arm(session, session.judging_seeds, collect_real(session))
        outcomes = [found for found in load_outcomes(session, [trial.id for trial in trials]) if found]
    labels = {image.id: image.label for image in session.task.queries}
    return Trainings(np.array([found.hit for found in outcomes]), tuple(labels[one] for one in outcomes[0].ids))


def simulate_seeds(
    arms: int, seeds: int, sd: float, shared: float, sizes: tuple[int, int], generator: np.random.Generator
) -> list[Trainings]:
    """Draw trainings of arms without any gain, whose Recall@1 spreads by `sd` between seeds.

    Half of that variance, less what single flips make, is a shift of all queries and half one of each class; arms
    have `shared` of all of it in common, seed by seed.
    """
    classes, each = sizes
    queries = classes * each
    labels = np.repeat(np.arange(classes), each)
    ease = generator.normal(size=queries) + 0.8 * generator.normal(size=classes)[labels]
    base = np.where(generator.random(queries) < special.expit(2 * ease), 0.85, 0.15)
    rest = max(sd**2 - 0.1275 / queries, 0.0) / 2
    of_all, of_class = rest**0.5, (rest * classes) ** 0.5

    def noise() -> list[NDArray[np.float64]]:
        return [generator.normal(size=(seeds, size)) for size in (1, classes, queries)]

    common = noise()

    def draw() -> Hits:
        both = zip(common, noise(), strict=True)
        parts = [shared**0.5 * old + (1 - shared) ** 0.5 * new for old, new in both]
        chance = base + of_all * parts[0] + of_class * parts[1][:, labels]
        return np.asarray(special.ndtr(parts[2]) < np.clip(chance, 0, 1), np.bool_)

    names = tuple(f"class{number}" for number in labels)
    return [Trainings(draw(), names) for _ in range(arms)]


def plant(hits: Hits, gain: float, generator: np.random.Generator) -> Hits:
    """Turn as many misses of every seed into hits as the gain asks for; the same queries first in every seed."""
    order = generator.random(hits.shape[1])
    wanted = round(gain * hits.shape[1])
    planted = hits.copy()
    for seed, row in enumerate(hits):
        misses = np.flatnonzero(~row)
        planted[seed, misses[np.argsort(order[misses])[:wanted]]] = True
    return planted


@dataclass(frozen=True, slots=True)
class Played:
    """What a simulated round came to."""

    verdict: str
    seeds: int


def play_round(
    control: Trainings, candidate: Trainings, history: Sequence[Trainings], begin: int, end: int
) -> Played:
    """Judge a round seed by seed as `run.adding_seeds` does, at the error of the first of two rounds."""
    ids = tuple(f"q{row}" for row in range(len(control.labels)))
    labels = dict(zip(ids, control.labels, strict=True))

    def arm(hits: Hits) -> list[QueryOutcomes]:
        return [QueryOutcomes(ids, row, ("",) * len(ids)) for row in hits]

    known = [arm(one.hits) for one in history]
    for seeds in range(begin, end + 1):
        found = compare(arm(control.hits[:seeds]), arm(candidate.hits[:seeds]), labels, None, SEED_SD, known)
        look = find_verdict(found, found, ERROR, begin, end)
        if not look.wants_seed:
            break
    return Played(look.verdict, seeds)


def draw_pair(
    trained: Trainings, end: int, gain: float, generator: np.random.Generator
) -> tuple[Trainings, Trainings]:
    """Return two arms with seeds drawn apart from those that were trained, the second with a planted gain."""
    order = generator.permutation(len(trained.hits))
    one, other = order[:end], order[end : 2 * end]
    return (
        Trainings(trained.hits[one], trained.labels),
        Trainings(plant(trained.hits[other], gain, generator), trained.labels),
    )


def forecast_seeds(trained: Trainings, begin: int, end: int) -> str:
    """Return the forecast's words for a collection whose trainings are known."""
    sizes = np.unique(trained.labels, return_counts=True)[1].astype(np.float64)
    prior = prior_spread(len(trained.labels), sizes, SEED_SD)
    spread = learn_spread((), prior, [trained.hits.mean(axis=1)])
    design = Design(len(trained.labels), len(sizes), spread, len(trained.hits))
    return forecast(design, begin, end, look_levels(ERROR, begin, end)).sentence


def print_rounds(
    name: str, rounds: int, play: Callable[[float, np.random.Generator], Played], gains: Sequence[float]
) -> None:
    """Play rounds at each gain and print a row of the table."""
    for gain in gains:
        played = [play(gain, np.random.default_rng((18, number))) for number in range(rounds)]
        shares = {verdict: np.mean([one.verdict == verdict for one in played]) for verdict in ("proven", "refuted")}
        cells = (name, f"{100 * gain:+.0f}", f"{shares['proven']:.1%}", f"{shares['refuted']:.1%}")
        print("| " + " | ".join((*cells, f"{np.mean([one.seeds for one in played]):.2f}")) + " |", flush=True)


def compare_rules(rounds: int, begin: int, end: int) -> None:
    """Print error, power and mean seeds of ways to stop, on normal gains whose spread is known."""
    looks = np.arange(begin, end + 1)
    shift = 2 * (1 - special.ndtr(-special.ndtri(ERROR / 2) / (looks / end) ** 0.5))
    bounds = {
        "error in proportion to the seeds": -special.ndtri(np.array(look_levels(ERROR, begin, end))),
        "the same error at each look": np.full(len(looks), -special.ndtri(ERROR / len(looks))),
        "O'Brien and Fleming": spend_bounds(shift, looks),
    }
    print("| rule | " + " | ".join(f"gain of {gain} sd of a seed" for gain in (0, 1, 1.5, 2)) + " |")
    print("|" + " --- |" * 5)
    rows: dict[str, list[str]] = {}
    for gain in (0.0, 1.0, 1.5, 2.0):
        sums = np.random.default_rng(3).normal(gain, 1, (rounds, end)).cumsum(axis=1)[:, looks - 1]
        z = sums / looks**0.5
        stops = {name: z > bound for name, bound in bounds.items()}
        last = -special.ndtri(0.9 * ERROR)
        predicted = special.ndtr((sums[:, :-1] - last * end**0.5) / (end - looks[:-1]) ** 0.5) >= 0.9
        stops["predicting the last test (Holmes and Walker)"] = np.hstack([predicted, z[:, -1:] > last])
        wide = 4 / end  # prior variance of the gain in the mixture
        scale = wide / (1 + looks * wide)
        evidence = 2 * (scale / wide) ** 0.5 * np.exp(sums**2 * scale / 2) * special.ndtr(sums * scale**0.5)
        stops["mixture e-process"] = evidence >= 1 / ERROR
        never = np.zeros_like(z[:, :-1], bool)
        stops["one test with all seeds"] = np.hstack([never, z[:, -1:] > -special.ndtri(ERROR)])
        for name, stop in stops.items():
            used = np.where(stop.any(axis=1), looks[stop.argmax(axis=1)], end)
            rows.setdefault(name, []).append(f"{stop.any(axis=1).mean():.1%}, {used.mean():.2f} seeds")
    for name, cells in rows.items():
        print("| " + " | ".join((name, *cells)) + " |")


def spend_bounds(spent: NDArray[np.float64], looks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return bounds of z by simulation, so that the error spent after each look is `spent`."""
    z = np.random.default_rng(0).normal(size=(400_000, looks[-1])).cumsum(axis=1)[:, looks - 1] / looks**0.5
    alive, bounds = np.ones(len(z), bool), []
    for column, share in enumerate(np.diff(spent, prepend=0.0)):
        bounds.append(np.sort(z[alive, column])[::-1][max(1, round(share * len(z)))])
        alive &= z[:, column] <= bounds[-1]
    return np.array(bounds)


def main() -> None:
    """Print a Markdown table of rounds: planted gain, proven, refuted, mean seeds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", nargs="?", default="harbor")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--begin", type=int, default=2)
    parser.add_argument("--end", type=int, default=4, help="At most half of --seeds: arms never share a training.")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--gains", type=float, nargs="+", default=[0.0, 2.0], help="In points of Recall@1.")
    parser.add_argument("--classes", type=int, default=0)
    parser.add_argument("--simulate", type=float, default=0.0, metavar="SD", help="Points between simulated seeds.")
    parser.add_argument("--shared", type=float, default=0.0, help="Part of it that both arms have in common.")
    parser.add_argument("--per-class", type=int, default=60)
    parser.add_argument("--history", type=int, default=0, help="Simulated arms that were trained before, of 4 seeds.")
    parser.add_argument("--preset", default="auto")
    parser.add_argument("--weights", default=None)
    parser.add_argument("--workspace", type=Path, default=Path("atlantis-workspace/results"))
    parser.add_argument("--rules", action="store_true")
    asked = parser.parse_args()
    if asked.rules:
        compare_rules(40_000, asked.begin, asked.end)
        return
    gains = [gain / 100 for gain in asked.gains]
    print("| rounds | planted, points | proven | refuted | mean seeds |\n|" + " --- |" * 5)
    if asked.simulate:
        sizes = (asked.classes or 7, asked.per_class)

        def simulated(gain: float, generator: np.random.Generator) -> Played:
            old, new = simulate_seeds(2, asked.end, asked.simulate / 100, asked.shared, sizes, generator)
            before = simulate_seeds(asked.history, 4, asked.simulate / 100, 0.0, sizes, generator)
            return play_round(
                old, Trainings(plant(new.hits, gain, generator), new.labels), before, asked.begin, asked.end
            )

        name = f"{sizes[0]} x {sizes[1]} queries, {asked.simulate:g} points, {asked.shared:.0%} shared"
        print_rounds(f"{name}, {asked.begin} to {asked.end} seeds", asked.rounds, simulated, gains)
        return
    trained = train_seeds(asked.data, asked.seeds, asked.preset, asked.weights, asked.workspace)
    print(
        f"R@1 {trained.hits.mean():.3f}, sd {trained.hits.mean(axis=1).std(ddof=1):.4f} of {len(trained.hits)} seeds"
    )
    print(forecast_seeds(trained, asked.begin, asked.end))

    def drawn(gain: float, generator: np.random.Generator) -> Played:
        some = trained.restrict(asked.classes, generator) if asked.classes else trained
        return play_round(*draw_pair(some, asked.end, gain, generator), (), asked.begin, asked.end)

    name = f"{asked.data}, {asked.classes or 'all'} classes, {asked.begin} to {asked.end} seeds"
    print_rounds(name, asked.rounds, drawn, gains)


if __name__ == "__main__":
    main()
