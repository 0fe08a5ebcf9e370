"""What a way to share images out is, and what several of them need."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from atlantis_core.records import Cell, CellRequest
from atlantis_core.run.other_queries import harms_others
from atlantis_core.run.remedies import makes_images

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.records import Gap, Pilot, Protocol
    from atlantis_core.run.drafting import Brief
    from atlantis_core.run.round import JudgedRound
    from atlantis_core.run.session import Session


LIGHTER = 0.3
"""Weight of images that other queries paid for, when they are tried again, relative to what it was."""


@dataclass(frozen=True, slots=True)
class Shares:
    """How many images each cell gets, and why."""

    cells: tuple[CellRequest, ...]
    expected_gain: float
    """In Recall@1 on these cells."""
    reason: str


class Allocation:
    """A way to share images out; a subclass overrides `share_out`."""

    asks_drafter = False
    """Whether a chat model may draft the cells instead, where the run has one."""

    pilots: Literal["never", "to choose", "always"] = "to choose"
    """Whether remedies are piloted: never in a control arm, always where their gains decide who gets images."""

    def share_out(self, brief: Brief) -> Shares:
        """Return what each cell gets of `brief.num_images`.

        Raises:
            ToolError: There is no cell to make images for.
        """
        raise NotImplementedError

    def share_out_again(
        self, session: Session, round_index: int, protocol: Protocol, pilots: Sequence[Pilot]
    ) -> Protocol:
        """Return the protocol with its images shared out by what the pilots gave; unchanged by most ways."""
        del session, round_index, pilots
        return protocol


def expand_cell(cell: Cell, classes: Sequence[str]) -> list[Cell]:
    """Return a cell itself; a facet value without a class, as in the `unseen` regime, with every training class."""
    return [cell] if cell.class_name else [Cell(name, cell.facet, cell.value) for name in classes]


def list_all_cells(brief: Brief) -> list[Cell]:
    """Return every class x facet value; every class of a collection without facets."""
    pairs = [(facet, value) for facet, values in brief.facet_values.items() for value in values]
    return [Cell(name, facet, value) for facet, value in pairs or [("", "")] for name in brief.classes]


def list_open_gaps(brief: Brief) -> list[Gap]:
    """Return the gaps that no rolled-back round tried, worst first, without those that an earlier run refuted.

    If it refuted images for all of them, they are listed all the same: another remedy may help.
    """
    tried = list_tried_cells(brief.history)
    tried |= {replace(cell, class_name="") for cell in tried}
    gaps = [gap for gap in brief.gaps if gap.cell not in tried]
    return [gap for gap in gaps if gap.cell not in brief.refuted] or gaps


def list_tried_cells(history: Sequence[JudgedRound]) -> set[Cell]:
    """Return the cells of the rounds that were not kept."""
    failed = [judged.protocol for judged in history if not judged.is_kept]
    return {
        request.cell for protocol in failed if makes_images(protocol.remedy) for request in protocol.cells
    }  # a search or a recipe that did not help says nothing of images for these cells


def weigh_images(brief: Brief, cells: Sequence[CellRequest]) -> float:
    """Return the weight of a synthetic image relative to a real one: 1, or less where other queries paid for it.

    It is `LIGHTER` times that of the round before if that round had images for these cells and was rolled back for
    what other queries lost.
    """
    paid = find_paid_round(brief)
    asked = {request.cell for request in cells}
    if paid is None or not asked & {request.cell for request in paid.protocol.cells}:
        return 1.0
    return round(LIGHTER * paid.protocol.synthetic_weight, 3)


def find_paid_round(brief: Brief) -> JudgedRound | None:
    """Return the round before if its images helped their cells at the cost of other queries; else None."""
    last = brief.history[-1] if brief.history else None
    if last is None or last.is_kept or not makes_images(last.protocol.remedy):
        return None
    gained = last.decision.targeted
    return last if gained is not None and gained.gain > 0 and harms_others(last.decision.others) else None


def mean_deficit(gaps: Sequence[Gap]) -> float:
    """Return the mean deficit of gaps in Recall@1."""
    return sum(gap.deficit for gap in gaps) / len(gaps)


def spread_evenly(cells: Sequence[Cell], num_images: int, offset: int) -> list[CellRequest]:
    """Share images evenly among cells; with fewer images than cells, every k-th cell gets one."""
    if num_images < len(cells):
        step = len(cells) / num_images
        return [CellRequest(cells[(int(i * step) + offset) % len(cells)], 1) for i in range(num_images)]
    share, rest = divmod(num_images, len(cells))
    return [CellRequest(cell, share + (index < rest)) for index, cell in enumerate(cells)]


def spread_by_weight(weights: Sequence[float], num_images: int) -> list[int]:
    """Share images in proportion to weights, (N,), rounded by the largest remainder; evenly if all are 0."""
    shares = np.asarray(weights, np.float64)
    shares = shares if shares.sum() > 0 else np.ones(len(shares))
    exact = num_images * shares / shares.sum()
    counts = np.floor(exact).astype(int)
    largest = np.argsort(counts - exact, kind="stable")
    counts[largest[: num_images - counts.sum()]] += 1
    return [int(count) for count in counts]
