"""What changed between a run's baseline and its final model, cell by cell, on validation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from atlantis_core.harbor.planted import read_planted_gap
from atlantis_core.records import Comparison, Gap
from atlantis_core.run.measurements import compare_arms, queries_in_cells
from atlantis_core.run.session import Session

Arms = Mapping[str, Sequence[str]]
"""Trial ids of `baseline` and `incumbent`, by judging seed."""


def compare_on_cells(session: Session, arms: Arms, cells: Iterable[tuple[str, str, str]]) -> Comparison | None:
    """Compare the final model with the baseline on the queries of some cells.

    Args:
        session: The run.
        arms: Empty while nothing was judged.
        cells: Class, facet, value.

    Returns:
        None where nothing was judged, or no query is in the cells.
    """
    if not _comparable(session, arms):
        return None
    select = queries_in_cells(session, cells)
    return _compared(session, arms, select) if select else None


def compare_overall(session: Session, arms: Arms) -> Comparison | None:
    """Compare the final model with the baseline over all queries; None where nothing was judged."""
    return _compared(session, arms, None) if _comparable(session, arms) else None


def compare_planted_gap(session: Session, arms: Arms) -> Comparison | None:
    """Compare on the gap planted in a bundled world; None in every other collection."""
    cells = read_planted_gap(session.collection.root)
    return compare_on_cells(session, arms, cells) if cells else None


def compare_gaps(session: Session, arms: Arms, gaps: Iterable[Gap]) -> list[dict[str, Any]]:
    """Return one row per gap: what was found, and its Recall@1 before and after.

    `before` is the baseline over the judging seeds, so it may differ from `recall_at_1`, which is that of the
    model in which the gap was found.
    """
    return [_row(gap, compare_on_cells(session, arms, [cell_of(gap)])) for gap in gaps]


def cell_of(gap: Gap) -> tuple[str, str, str]:
    """Return a gap's cell as class, facet, value."""
    return gap.cell.class_name, gap.cell.facet, gap.cell.value


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


def _row(gap: Gap, change: Comparison | None) -> dict[str, Any]:
    return gap_facts(gap) | {
        "before": change.before if change else gap.recall_at_1,
        "after": change.after if change else None,
        "gain": change.gain if change else None,
        "gain_low": change.low if change else None,
        "gain_high": change.high if change else None,
    }


def _compared(session: Session, arms: Arms, select: Sequence[str] | None) -> Comparison:
    """Compare the arms; where no round was kept they are one and the same model, and 0 is no estimate."""
    found = compare_arms(session, arms["baseline"], arms["incumbent"], select)
    same = list(arms["baseline"]) == list(arms["incumbent"])
    return replace(found, gain=0.0, low=0.0, high=0.0, p_value=1.0) if same else found


def _comparable(session: Session, arms: Arms) -> bool:
    """Whether both arms were trained; a crashed seed of the baseline leaves nothing to compare with."""
    if not (arms.get("baseline") and arms.get("incumbent")):
        return False
    found = [session.workspace.trials.find(trial_id) for trial_id in arms["baseline"]]
    return all(trial is not None and trial.status == "finished" for trial in found)
