"""What a round changed: queries won and lost, cells that moved, and new confusions."""

from __future__ import annotations

from dataclasses import dataclass

from atlantis_core.records.collection import Cell


@dataclass(frozen=True, slots=True)
class MovedCell:
    """Recall@1 of a class, a facet value or both together, before and after; means over the paired seeds."""

    cell: Cell
    queries: int
    before: float
    after: float
    won: int
    """Queries that are hit with more seeds after than before."""
    lost: int
    """Queries that are hit with fewer."""
    agreeing: int
    """Seeds in which Recall@1 moved the same way as in the mean."""

    @property
    def gain(self) -> float:
        """Recall@1 after minus before."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class NewConfusion:
    """A class that comes first for queries of another class more often than before."""

    class_name: str
    """Class of the queries."""
    returned: str
    queries: int
    """Of the class."""
    before: float
    """Of these, how many got the wrong class at top-1; a mean over the paired seeds."""
    after: float
    agreeing: int
    """Seeds in which it is more."""


@dataclass(frozen=True, slots=True)
class RoundMoves:
    """What the candidate of a judged round changed, compared with the incumbent of that round."""

    seeds: int
    """Seeds that are paired; those whose incumbent crashed are left out."""
    queries: int
    won: int
    lost: int
    cells: tuple[MovedCell, ...]
    """Those that moved most surely: risen and fallen classes and facet values, then crossings that moved clearly more
    than both."""
    confusions: tuple[NewConfusion, ...]
    """Surest first."""
    incumbent: tuple[str, ...] = ()
    """Models that were compared, by judging seed; empty where this was derived later."""
    candidate: tuple[str, ...] = ()
