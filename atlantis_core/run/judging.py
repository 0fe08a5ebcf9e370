"""Keeping a round or rolling it back: a paired test over queries and seeds, with error control across rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from atlantis_core.metrics.paired_test import share_of_error
from atlantis_core.metrics.power import WORTH
from atlantis_core.metrics.sequential import Look, take_look
from atlantis_core.records import Comparison, Decision, Protocol
from atlantis_core.records.round import NO_TARGETED_QUERY
from atlantis_core.run.diagnosis import is_in_cell
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.judged_cells import list_judged_cells
from atlantis_core.run.measurements import (
    compare_arms,
    compare_in_cells,
    counted_queries,
    load_outcomes,
    seed_sd,
)
from atlantis_core.run.other_queries import TOLERATED_LOSS, compare_others, harms_others
from atlantis_core.run.pilot_choice import describe_gain
from atlantis_core.run.seed_history import load_history
from atlantis_core.run.session import Session

TOLERATED_CLEAN_LOSS = 0.03
"""Recall@1 of clean queries that a round for attacked queries may lose."""


def judge_round(
    session: Session,
    round_index: int,
    protocol: Protocol,
    arms: Mapping[str, Sequence[str]],
) -> Decision:
    """Compare the candidate arm with the incumbent.

    A round is kept when the gain on its cells (`list_judged_cells`) is proven, the whole is not worse by more than
    `TOLERATED_LOSS`, and the queries outside these cells are not proven to be (`harms_others`); where the queries are
    attacked, clean ones may lose `TOLERATED_CLEAN_LOSS`. The gaps were found with a seed that judges nothing, so
    choosing the worst cells does not by itself show as a gain. `arms` has the models of `baseline`, `incumbent` and
    `candidate`.
    """
    trained = {
        tuple(arms[name]): load_outcomes(session, arms[name]) for name in ("baseline", "incumbent", "candidate")
    }
    baseline, incumbent, candidate = (trained[tuple(arms[name])] for name in ("baseline", "incumbent", "candidate"))
    cells = list_judged_cells(session, protocol)
    spread = seed_sd(session, arms["incumbent"], arms["candidate"])
    history = load_history(session, [*arms["incumbent"], *arms["candidate"]])
    overall = compare_arms(session, incumbent, candidate, None, spread, history)
    in_cells = compare_in_cells(session, incumbent, candidate, cells or (), spread, history)
    targeted = overall if cells is None else in_cells
    others = compare_others(session, incumbent, candidate, cells, spread, history)
    since_baseline = seed_sd(session, arms["baseline"], arms["candidate"])
    over_baseline = compare_arms(session, baseline, candidate, None, since_baseline)
    where = "over all queries" if cells is None else "on the targeted cells" if in_cells else NO_TARGETED_QUERY
    if candidate is incumbent:
        reason = "not proven: no generated image was kept, so there is no new model to compare"
        return Decision(False, reason, overall, targeted, over_baseline, missing="a candidate")
    look = look_at(session, round_index, overall, targeted, others)
    reason = describe_look(look, overall, targeted or overall, where, others)
    clean = _compare_clean(session, arms) if session.attack else None
    kept = look.verdict == "proven"
    if clean is not None:
        reason += f"; {clean.gain:+.3f} on clean queries"
        kept = kept and clean.gain >= -TOLERATED_CLEAN_LOSS
    return Decision(kept, reason, overall, targeted, over_baseline, look.verdict, look.missing, clean, others)


def _compare_clean(session: Session, arms: Mapping[str, Sequence[str]]) -> Comparison:
    """Compare candidate and incumbent on the same queries without the attack."""
    clean = session.without_attack()
    incumbent, candidate = (load_outcomes(clean, arms[name]) for name in ("incumbent", "candidate"))
    return compare_arms(clean, incumbent, candidate, None, seed_sd(session, arms["incumbent"], arms["candidate"]))


def look_at(
    session: Session,
    round_index: int,
    overall: Comparison,
    targeted: Comparison | None,
    others: Comparison | None = None,
) -> Look:
    """Return the verdict of a round after the seeds that it has so far, at its share of the run's error."""
    error = find_error(session, round_index)
    return find_verdict(overall, targeted or overall, error, session.spec.seeds, session.max_seeds, others)


def find_error(session: Session, round_index: int) -> float:
    """Return how often a round may err, given how many remedies were tried for it."""
    return share_of_error(round_index, session.spec.budget.rounds, count_tries(session, round_index))


def count_tries(session: Session, round_index: int) -> int:
    """Return how many remedies were tried in a round, also for drafts that were given up: on the same queries."""
    earlier = session.read(round_index, JournalKind.EARLIER_TRIES) or 0
    return earlier + sum(pilot.is_try for pilot in session.read(round_index, JournalKind.PILOTS) or ())


def find_verdict(
    overall: Comparison,
    targeted: Comparison,
    error: float,
    first: int,
    last: int,
    others: Comparison | None = None,
) -> Look:
    """Return the verdict on a gain after one of `first` to `last` seeds; a gain that others pay for does not count.

    A loss of the whole beyond `TOLERATED_LOSS` that its interval confirms refutes; else another seed may clear it.
    So does a loss of the queries that are not judged (`harms_others`), before more seeds are trained.
    """
    if harms_others(others):
        return Look("refuted", False, "")
    look = take_look(targeted, error, first, last)
    if look.verdict != "proven" or overall.gain >= -TOLERATED_LOSS:
        return look
    if overall.high < 0:
        return Look("refuted", False, "")
    return Look("undecided", overall.seeds < last, "more seeds or queries would say whether the whole loses")


def describe_look(
    look: Look, overall: Comparison, targeted: Comparison, where: str, others: Comparison | None = None
) -> str:
    """Say a verdict in words, with the figures that it rests on."""
    gained = f"{describe_gain(targeted)} {where}"
    if look.verdict == "proven":
        return f"proven: {gained}, p = {targeted.p_value:.4f}; {overall.gain:+.3f} overall"
    p_value = f"p = {targeted.p_value:.3f}"
    if others and harms_others(others):
        return f"not proven: {gained}, {p_value}, but {describe_gain(others)} on the other queries; {look.verdict}"
    if overall.gain < -TOLERATED_LOSS and (overall.high < 0 or look.missing.endswith("the whole loses")):
        return f"not proven: {gained}, {p_value}, but {overall.gain:+.3f} overall; {look.verdict}"
    if look.verdict == "refuted":
        return f"not proven: {gained}, {p_value}; refuted: a gain of {100 * WORTH:.0f} points is unlikely"
    missing = f": {look.missing}" if look.missing else ""
    return f"not proven: {gained}, {p_value}; undecided{missing}"


def is_goal_reached(session: Session, arms: Mapping[str, Sequence[str]]) -> bool:
    """Whether the candidate's mean Recall@1 on the goal's cells, or overall where it names none, is what it asks for.

    That is a Recall@1 (`target`), a gain over the baseline (`gain`), or both.
    """
    goal = session.goal
    if goal.target is None and goal.gain is None:
        return False
    baseline, outcomes = (load_outcomes(session, arms[name]) for name in ("baseline", "candidate"))
    counted = counted_queries(outcomes)
    named = [
        image.id
        for image in session.task.queries
        if image.id in counted and any(is_in_cell(cell, image) for cell in goal.cells)
    ]
    if not counted or (goal.cells and not named):
        return False
    found = compare_arms(session, baseline, outcomes, named or None)
    return found.after >= (goal.target or 0.0) and (goal.gain is None or found.gain >= goal.gain)
