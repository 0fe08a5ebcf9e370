"""Findings: the gaps of one facet value in a sentence that a person can act on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from atlantis_core.base.plural import count_noun
from atlantis_core.metrics.intervals import wilson_interval

if TYPE_CHECKING:
    from atlantis_core.records import Cause, Gap, Interval

_MAX_NAMED = 4  # classes named in the sentence


@dataclass(frozen=True, slots=True)
class GroupGap:
    """Gaps that share facet value and cause."""

    facet: str
    value: str
    """Both empty if the cells are whole classes."""
    cause: Cause
    class_names: tuple[str, ...]
    """Classes, worst first."""
    least_support: int
    most_support: int
    """Training images of the cells, fewest and most."""
    typical_support: float
    recall_at_1: Interval
    """Over the queries of all these cells."""
    deficit: float
    """Mean deficit over the queries; higher is worse."""
    score: float
    """Best rank key of its gaps; higher is worse."""

    @property
    def sentence(self) -> str:
        """The finding in one line."""
        recall, names = self.recall_at_1, ", ".join(self.class_names[:_MAX_NAMED])
        more = f" and {len(self.class_names) - _MAX_NAMED} more" if len(self.class_names) > _MAX_NAMED else ""
        least, most = self.least_support, self.most_support
        support = f"{least}" if least == most else f"{least}-{most}"
        return (
            f"{f'{self.facet}={self.value}' if self.facet else 'whole classes'}: "
            f"{count_noun(len(self.class_names), 'class', 'classes')} {self.cause} ({names}{more}); "
            f"R@1 {recall.value:.2f} ({recall.low:.2f}-{recall.high:.2f}) over "
            f"{count_noun(recall.count, 'query', 'queries')}, {support} training images each, typically "
            f"{self.typical_support:g}"
        )


def group_gaps(gaps: Sequence[Gap]) -> tuple[GroupGap, ...]:
    """Group gaps by facet value and cause, worst group first.

    A group ranks by the sum of its gaps' scores over their queries, so that many cells with a shared cause come
    before one bad cell of a few queries; among equals the group with more cells comes first.
    """
    groups: dict[tuple[str, str, Cause], list[Gap]] = {}
    for gap in gaps:
        groups.setdefault((gap.cell.facet, gap.cell.value, gap.cause), []).append(gap)
    found = [_summarize_group(*key, members) for key, members in groups.items()]
    weight = {key: sum(gap.score * gap.queries for gap in members) for key, members in groups.items()}
    return tuple(
        sorted(
            found, key=lambda g: (-weight[g.facet, g.value, g.cause], -len(g.class_names), g.facet, g.value, g.cause)
        )
    )


def _summarize_group(facet: str, value: str, cause: Cause, members: Sequence[Gap]) -> GroupGap:
    ordered = sorted(members, key=lambda g: (-g.score, g.cell.class_name))
    queries = sum(gap.queries for gap in members)
    hits = sum(gap.recall_at_1 * gap.queries for gap in members)
    return GroupGap(
        facet=facet,
        value=value,
        cause=cause,
        class_names=tuple(gap.cell.class_name for gap in ordered),
        least_support=min(gap.support for gap in members),
        most_support=max(gap.support for gap in members),
        typical_support=float(median(gap.typical_support for gap in members)),
        recall_at_1=wilson_interval(min(hits, queries), queries),
        deficit=sum(gap.deficit * gap.queries for gap in members) / queries,
        score=ordered[0].score,
    )
