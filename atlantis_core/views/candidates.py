"""The candidates of a run as a list that can be filtered, sorted and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from atlantis_core.base.errors import SetupError
from atlantis_core.records.natural_order import natural_key
from atlantis_core.run.round import read_rounds
from atlantis_core.run.verdicts import CandidateStatus, ScreenedCandidate, list_screened

if TYPE_CHECKING:
    from atlantis_core.run.session import Session


@dataclass(frozen=True, slots=True)
class CandidateFilter:
    """Which candidates to list, and in which order; an empty field means any."""

    round: int | None = None
    status: str = ""
    filter: str = ""
    class_name: str = ""
    value: str = ""
    """`facet=value` of the candidate's cell."""
    words: str = ""
    """Text in the prompt, the class or the key; case does not matter."""
    order: str = "asked"


def list_candidates(session: Session) -> list[ScreenedCandidate]:
    """Return every candidate of a run, in the order of its protocols."""
    return [one for found in read_rounds(session) for one in list_screened(session, found)]


def filter_candidates(rows: Sequence[ScreenedCandidate], wanted: CandidateFilter) -> list[ScreenedCandidate]:
    """Return the rows that match a filter, sorted; a `SetupError` if one of its words is unknown."""
    _check("order", wanted.order, ORDERS)
    if wanted.status:
        _check("status", wanted.status, get_args(CandidateStatus))
    if wanted.filter:
        # The filter whose verdict counts, and the one before a person overrode it, so that old links work.
        known = {verdict.filter for row in rows for verdict in (row.filter_verdict, row.verdict) if verdict}
        _check("filter", wanted.filter, sorted(known))
    found = [row for row in rows if _fits(row, wanted)]
    key = ORDERS[wanted.order]
    return found if key is None else sorted(found, key=key)


def _check(what: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise SetupError(f"unknown {what} {name[:40]!r}; known: {', '.join(known) or 'none yet'}")


def _by_cell(row: ScreenedCandidate) -> Any:
    cell = row.candidate.cell
    return (cell.class_name, cell.facet, cell.value)


ORDERS: Mapping[str, Callable[[ScreenedCandidate], Any] | None] = {
    "asked": None,
    "cell": _by_cell,
    "worst": lambda row: (row.verdict is None, -(row.verdict.score if row.verdict else 0.0)),
    "best": lambda row: (row.verdict is None, row.verdict.score if row.verdict else 0.0),
}
"""Scores of different filters cannot be compared, so sort by score within one filter."""


def _fits(row: ScreenedCandidate, wanted: CandidateFilter) -> bool:
    candidate, cell, verdict = row.candidate, row.candidate.cell, row.verdict
    words, texts = wanted.words.casefold(), (candidate.prompt, cell.class_name, candidate.key)
    return (
        wanted.round in {None, row.round}
        and wanted.status in {"", row.status}
        and wanted.filter in {"", verdict.filter if verdict else None}
        and wanted.class_name in {"", cell.class_name}
        and wanted.value in {"", f"{cell.facet}={cell.value}"}
        and (not words or any(words in text.casefold() for text in texts))
    )


def count_candidates(rows: Sequence[ScreenedCandidate]) -> dict[str, dict[str, int]]:
    """Count the candidates by round, status, filter, class and facet value."""
    cells = [row.candidate.cell for row in rows]
    return {
        "round": _count(str(row.round) for row in rows),
        "status": _count(row.status for row in rows),
        "filter": _count(row.verdict.filter for row in rows if row.verdict),
        "class": _count(cell.class_name for cell in cells),
        "value": _count(f"{cell.facet}={cell.value}" for cell in cells if cell.facet),
    }


def _count(names: Any) -> dict[str, int]:
    counts = Counter(names)
    return {name: counts[name] for name in sorted(counts, key=natural_key)}
