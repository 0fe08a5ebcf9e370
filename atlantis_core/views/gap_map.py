"""Recall@1 of every class x facet value before and after a run, and the top-1 images of one cell's queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError, ToolError
from atlantis_core.records import Cell
from atlantis_core.records.natural_order import natural_key
from atlantis_core.run.measurements import load_outcomes, queries_in_cells
from atlantis_core.run.models import split_model
from atlantis_core.run.top_images import find_top_images
from atlantis_core.statistics.cells import cell_table

if TYPE_CHECKING:
    from atlantis_core.metrics.outcomes import QueryOutcomes
    from atlantis_core.run.session import Session

FEW_QUERIES = 10
"""A cell with fewer queries is thin: one query changes its Recall@1 by more than ten points."""


@dataclass(frozen=True, slots=True)
class GapCell:
    """One class x facet value, with its mean Recall@1 over seeds."""

    class_name: str
    """Empty if a cell covers all classes (the regime `unseen`)."""
    value: str
    """Value of the map's facet; empty if the map has no facet."""
    support: int
    """Real training images in the cell."""
    queries: int
    """Validation queries with a positive; the same before and after."""
    before: float | None
    """Recall@1; None without queries."""
    after: float | None

    @property
    def thin(self) -> bool:
        """Whether the cell has too few queries for its figures to mean much."""
        return self.queries < FEW_QUERIES

    @property
    def gain(self) -> float | None:
        """Recall@1 after minus before."""
        return None if self.before is None or self.after is None else self.after - self.before


@dataclass(frozen=True, slots=True)
class GapMap:
    """Recall@1 of every cell of one facet, before and after a run."""

    facet: str
    """Empty for a map of classes alone."""
    classes: tuple[str, ...]
    """Rows, sorted."""
    values: tuple[str, ...]
    """Columns, sorted; one empty value if there is no facet."""
    cells: tuple[GapCell, ...]
    """Row by row, without cells that have neither a training image nor a query."""
    seeds_before: int
    """Number of finished trainings averaged in `before`."""
    seeds_after: int

    def by_place(self) -> dict[tuple[str, str], GapCell]:
        """Return (class, value) -> cell, without empty cells."""
        return {(cell.class_name, cell.value): cell for cell in self.cells}

    def worst_first(self) -> list[str]:
        """Return the classes, the one with the most missed queries before the run first."""
        missed: Counter[str] = Counter()
        for cell in self.cells:
            missed[cell.class_name] += round(
                1000 * cell.queries * (1 - (1.0 if cell.before is None else cell.before))
            )
        return sorted(self.classes, key=lambda name: (-missed[name], natural_key(name)))

    def facts(self) -> dict[str, Any]:
        """Return it as plain data."""
        cells = [
            {
                "class": one.class_name,
                "value": one.value,
                "support": one.support,
                "queries": one.queries,
                "thin": one.thin,
                "before": one.before,
                "after": one.after,
            }
            for one in self.cells
        ]
        return {
            "facet": self.facet,
            "classes": list(self.classes),
            "values": list(self.values),
            "seeds": {"before": self.seeds_before, "after": self.seeds_after},
            "few_queries": FEW_QUERIES,
            "cells": cells,
        }


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """A query and its top-1 image."""

    query_id: str
    query_path: str
    label: str
    """Of the query."""
    answer_id: str
    answer_path: str
    answer_label: str
    right: bool


def build_gap_map(
    session: Session, trial_ids_before: Sequence[str], trial_ids_after: Sequence[str], facet: str = ""
) -> GapMap:
    """Compare two arms cell by cell, from their stored measurements; crashed trainings are left out.

    The arms are trial ids, one per seed, such as those of `run.round.read_final_arms`. An empty facet compares
    classes alone.

    Raises:
        SetupError: The collection has no such facet, or a trial has neither stored outcomes nor a checkpoint.
        ToolError: Every training of an arm crashed, or an arm has no trial.
    """
    collection = session.collection
    if facet and facet not in collection.facets:
        raise SetupError(f"no facet {facet!r}; this collection has {', '.join(collection.facets) or 'none'}")
    before, after = _outcomes(session, trial_ids_before), _outcomes(session, trial_ids_after)
    later = {tally.cell: tally for tally in cell_table(collection, after, facet).cells}
    cells = tuple(
        GapCell(
            class_name=tally.cell.class_name,
            value=tally.cell.value,
            support=tally.support,
            queries=tally.queries,
            before=_share(tally.hits, tally.queries),
            after=_share(later[tally.cell].hits, later[tally.cell].queries),
        )
        for tally in cell_table(collection, before, facet).cells
    )
    return GapMap(
        facet=facet,
        classes=tuple(sorted({cell.class_name for cell in cells}, key=natural_key)),
        values=tuple(sorted({cell.value for cell in cells}, key=natural_key)),
        cells=cells,
        seeds_before=len(before),
        seeds_after=len(after),
    )


def _outcomes(session: Session, trial_ids: Sequence[str]) -> list[QueryOutcomes]:
    found = [outcomes for outcomes in load_outcomes(session, trial_ids) if outcomes]
    if not found:
        raise ToolError("every training of this arm crashed; there is nothing to compare")
    return found


def _share(hits: float, queries: int) -> float | None:
    return hits / queries if queries else None


def find_query_answers(session: Session, trial_id: str, cell: Cell) -> tuple[QueryAnswer, ...]:
    """Return each query of a cell with its top-1 image under a trial's model, misses first.

    The first call ranks all queries (a matter of seconds, as embeddings are cached) and stores the top-1 images for
    later calls. Empty fields of the cell mean any; queries without a positive are left out.

    Raises:
        SetupError: The checkpoint is missing, or an image cannot be read.
        ToolError: The training crashed.
        LookupError: There is no such trial; that is a bug.
    """
    answers = find_top_images(session, split_model(trial_id)[0])
    wanted = {image.id for image in session.task.queries}
    if cell != Cell(""):
        wanted = set(queries_in_cells(session, [cell]))
    found = [
        QueryAnswer(
            query_id=query.id,
            query_path=query.path,
            label=query.label,
            answer_id=answer.id,
            answer_path=answer.path,
            answer_label=answer.label,
            right=answer.label == query.label,
        )
        for query in session.task.queries
        if query.id in wanted and query.id in answers
        for answer in [answers[query.id]]
    ]
    return tuple(sorted(found, key=lambda answer: answer.right))
