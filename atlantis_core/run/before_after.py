"""What changed between a run's baseline and its current model, overall and cell by cell, on validation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from atlantis_core.harbor.planted import read_planted_gap
from atlantis_core.records import BaselineComparison, Cell, Comparison, Gap
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.measurements import compare_arms, compare_in_cells, load_outcomes, seed_sd
from atlantis_core.run.round import read_final_arms, read_rounds

if TYPE_CHECKING:
    from atlantis_core.records import Arms
    from atlantis_core.run.round import Round
    from atlantis_core.run.session import Session

MOST_GAPS = 20
"""Gaps of the first round that are followed up."""


def read_comparison(session: Session) -> BaselineComparison | None:
    """Return how the run's current model compares with its baseline; None before a first round was judged.

    The judge computes and stores it. It is computed here, and stored, where a run of an older version lacks it or
    where the incumbent was trained again on other images.
    """
    arms = read_final_arms(session)
    if not (arms.get("baseline") and arms.get("incumbent")):
        return None
    stored = session.read(0, JournalKind.COMPARISON)
    current = (tuple(arms["baseline"]), tuple(arms["incumbent"]))
    is_current = stored is not None and (stored.baseline, stored.incumbent) == current
    return stored if is_current else write_comparison(session, arms)


def write_comparison(session: Session, arms: Arms) -> BaselineComparison:
    """Compare the incumbent with the baseline, and store the result."""
    baseline = load_outcomes(session, arms["baseline"])
    is_same = arms["baseline"] == arms["incumbent"]
    incumbent = baseline if is_same else load_outcomes(session, arms["incumbent"])
    gaps, spread = find_first_gaps(read_rounds(session)), seed_sd(session, arms["baseline"], arms["incumbent"])
    planted = read_planted_gap(session.collection.root)

    def compare_cells(cells: Iterable[Cell]) -> Comparison | None:
        return compare_in_cells(session, baseline, incumbent, cells, spread)

    found = BaselineComparison(tuple(arms["baseline"]), tuple(arms["incumbent"]), None, None, (None,) * len(gaps))
    if all(trial is not None for trial in baseline):  # no training crashed
        found = replace(
            found,
            overall=compare_arms(session, baseline, incumbent, None, spread),
            planted_gap=compare_cells([Cell(*names) for names in planted]),
            gaps=tuple(compare_cells([gap.cell]) for gap in gaps),
        )
    session.write(0, JournalKind.COMPARISON, found)
    return found


def find_first_gaps(rounds: Iterable[Round]) -> tuple[Gap, ...]:
    """Return the worst gaps that the first of a run's rounds found."""
    return next((found.gaps for found in rounds if found.gaps is not None), ())[:MOST_GAPS]


def gap_facts(gap: Gap) -> dict[str, Any]:
    """Return a gap as `atlantis diagnose --json` prints it."""
    return {
        "class": gap.cell.class_name,
        "facet": gap.cell.facet,
        "value": gap.cell.value,
        "support": gap.support,
        "typical_support": gap.typical_support,
        "queries": gap.queries,
        "recall_at_1": gap.recall_at_1,
        "low": gap.low,
        "high": gap.high,
        "deficit": gap.deficit,
        "cause": gap.cause,
        "confused_with": list(gap.confused_with),
    }


def gap_change_facts(gap: Gap, change: Comparison | None) -> dict[str, Any]:
    """Return a gap and its Recall@1 before and after.

    `before` is the baseline over the judging seeds, so it may differ from `recall_at_1`, which is that of the
    model in which the gap was found.
    """
    return gap_facts(gap) | {
        "before": change.before if change else gap.recall_at_1,
        "after": change.after if change else None,
        "gain": change.gain if change else None,
        "gain_low": change.low if change else None,
        "gain_high": change.high if change else None,
    }
