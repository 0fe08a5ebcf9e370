"""The candidates of a run as a list to look through: filtered, sorted, a piece at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from atlantis_core.base.errors import SetupError
from atlantis_core.run.manual_overrides import FINAL_FILTERS
from atlantis_core.store.candidates import BY_HAND

if TYPE_CHECKING:
    from atlantis_core.records import Candidate, Verdict
    from atlantis_core.run.session import Session

CandidateStatus = Literal["kept", "rejected", "undecided"]


@dataclass(frozen=True, slots=True)
class CandidateRow:
    """One candidate and what was decided about it."""

    candidate: Candidate
    round: int
    """In which it is used; an image that an earlier round made already is made once and listed here."""
    verdict: Verdict | None
    """As it counts; None before the filters have seen it."""
    rejecting_filter: str = ""
    """The filter that decided before any person did."""

    @property
    def standing(self) -> CandidateStatus:
        """Kept, rejected, or not decided yet."""
        if self.verdict is None:
            return "undecided"
        return "kept" if self.verdict.kept else "rejected"

    @property
    def is_final(self) -> bool:
        """Whether a filter rejected it for what is a fact, so that a person cannot keep it."""
        return self.rejecting_filter in FINAL_FILTERS

    @property
    def by_hand(self) -> bool:
        """Whether a person decided."""
        return self.verdict is not None and self.verdict.filter == BY_HAND


@dataclass(frozen=True, slots=True)
class CandidateFilter:
    """Which candidates, and in which order; what is empty means any."""

    round: int | None = None
    standing: str = ""
    filter: str = ""
    class_name: str = ""
    value: str = ""
    """`facet=value` of the cell it was made for."""
    words: str = ""
    """Found in the prompt, the class or the key, whatever the case."""
    order: str = "asked"


def list_candidates(session: Session) -> list[CandidateRow]:
    """Return every candidate of a run, in the order in which they were asked for."""
    store = session.workspace.candidates
    rounds = session.workspace.journal.rounds(session.run_id)
    found: list[CandidateRow] = []
    for index, entries in rounds.items():
        candidates = store.find(entries.get("candidates") or [])
        verdicts = {verdict.candidate_key: verdict for verdict in store.verdicts(session.run_id, index)}
        screened = {verdict.candidate_key: verdict.filter for verdict in store.filtered(session.run_id, index)}
        found += [
            CandidateRow(one, index, verdicts.get(key), screened.get(key, "")) for key, one in candidates.items()
        ]
    return found


def filter_candidates(rows: Sequence[CandidateRow], wanted: CandidateFilter) -> list[CandidateRow]:
    """Return the rows that are wanted, sorted.

    Raises:
        SetupError: An order, a standing or a filter that there is not.
    """
    _check("order", wanted.order, ORDERS)
    if wanted.standing:
        _check("standing", wanted.standing, get_args(CandidateStatus))
    if wanted.filter:
        _check("filter", wanted.filter, sorted({name for row in rows for name in _filters_of(row)}))
    found = [row for row in rows if _fits(row, wanted)]
    key = ORDERS[wanted.order]
    return found if key is None else sorted(found, key=key)


def _check(what: str, asked: str, known: Collection[str]) -> None:
    if asked not in known:
        raise SetupError(f"unknown {what} {asked[:40]!r}; known: {', '.join(known) or 'none yet'}")


def _filters_of(row: CandidateRow) -> set[str]:
    """Return who decided about it, now and before a person did: an address of before stays good."""
    return {row.rejecting_filter, row.verdict.filter} if row.verdict else set()


def _worst_first(row: CandidateRow) -> Any:
    return (row.verdict is None, -(row.verdict.score if row.verdict else 0.0))


def _best_first(row: CandidateRow) -> Any:
    return (row.verdict is None, row.verdict.score if row.verdict else 0.0)


def _by_cell(row: CandidateRow) -> Any:
    cell = row.candidate.cell
    return (cell.class_name, cell.facet, cell.value)


ORDERS: Mapping[str, Callable[[CandidateRow], Any] | None] = {
    "asked": None,
    "cell": _by_cell,
    "worst": _worst_first,
    "best": _best_first,
}
"""Scores of one scorer compare; between filters they do not, so sort by score within one filter."""


def _fits(row: CandidateRow, wanted: CandidateFilter) -> bool:
    cell, verdict = row.candidate.cell, row.verdict
    return (
        wanted.round in {None, row.round}
        and wanted.standing in {"", row.standing}
        and wanted.filter in {"", verdict.filter if verdict else None}
        and wanted.class_name in {"", cell.class_name}
        and wanted.value in {"", f"{cell.facet}={cell.value}"}
        and _says(row, wanted.words.casefold())
    )


def _says(row: CandidateRow, words: str) -> bool:
    one = row.candidate
    return not words or any(words in text.casefold() for text in (one.prompt, one.cell.class_name, one.key))


def count_candidates(rows: Sequence[CandidateRow]) -> dict[str, dict[str, int]]:
    """Return how many candidates there are of each round, standing, filter, class and facet value."""
    cells = [row.candidate.cell for row in rows]
    return {
        "round": _counted(str(row.round) for row in rows),
        "standing": _counted(row.standing for row in rows),
        "filter": _counted(row.verdict.filter for row in rows if row.verdict),
        "class": _counted(cell.class_name for cell in cells),
        "value": _counted(f"{cell.facet}={cell.value}" for cell in cells if cell.facet),
    }


def _counted(names: Any) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))
