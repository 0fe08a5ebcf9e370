"""A protocol as a planner states it: cells with counts, checked like any other draft."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from atlantis_core.base.errors import InvalidProtocol, ToolError
from atlantis_core.base.hashing import content_hash
from atlantis_core.base.ports import SCORERS
from atlantis_core.records import Cell, CellRequest, Gap, Protocol
from atlantis_core.run.allocation.allocation import spread_evenly
from atlantis_core.run.allocation.gain_model import DEFICIT_SHARE
from atlantis_core.run.drafting import write_objective
from atlantis_core.run.pilots import list_offers
from atlantis_core.run.remedies import makes_images
from atlantis_core.run.round import read_round
from atlantis_core.run.verdicts import has_survivors

if TYPE_CHECKING:
    from atlantis_core.run.drafting import Brief
    from atlantis_core.run.session import Session


def build_protocol(brief: Brief, requests: Sequence[CellRequest], reason: str) -> Protocol:
    """Return the protocol of the named cells.

    Raises:
        InvalidProtocol: A cell is named twice, or they add up to more images than the round has.
    """
    cells = [request.cell for request in requests]
    if repeated := next((cell for cell in cells if cells.count(cell) > 1), None):
        raise InvalidProtocol(f"the cell {repeated} is listed twice; list each cell once")
    total = sum(request.count for request in requests)
    if total > brief.num_images:
        raise InvalidProtocol(f"{len(cells)} cells add up to {total} images; this round has {brief.num_images}")
    return Protocol(
        id=content_hash("protocol", [brief.round, requests, "planner"])[:12],
        round=brief.round,
        arm=brief.modes[0],
        cells=tuple(requests),
        objective=write_objective(cells),
        reason=reason or "the planner named these cells",
        scorer=brief.scorer,
        synthetic_weight=1.0,
        expected_gain=round(DEFICIT_SHARE * _mean_missing(brief.gaps, cells), 3),
    )


def share_over_goal(brief: Brief) -> list[CellRequest]:
    """Spread a round's images evenly over all cells that its goal names; a value without a class means each class.

    Raises:
        ToolError: The goal names none, or a person wants all of them left alone.
    """
    named = (
        replace(cell, class_name=name)
        for cell in brief.named
        for name in ([cell.class_name] if cell.class_name else brief.classes)
    )
    cells = [cell for cell in dict.fromkeys(named) if brief.constraints.allows(cell)]
    if not cells:
        raise ToolError("the goal names no cells that may be drafted for; list cells, or leave them to the drafter")
    return spread_evenly(cells, brief.num_images, 0)


def _mean_missing(gaps: Sequence[Gap], cells: Sequence[Cell]) -> float:
    """Return the mean of 1 - Recall@1 over the gaps that the cells contain; 0 if there are none."""
    missing = [1 - gap.recall_at_1 for gap in gaps if any(cell.contains(gap.cell) for cell in cells)]
    return sum(missing) / len(missing) if missing else 0.0


def change_draft(
    session: Session, protocol: Protocol, weight: float, scorer: str, remedy: str, reused: int
) -> Protocol:
    """Return a draft with what the planner states itself; 0 and empty leave a part as it is.

    Args:
        session: The run's.
        protocol: The draft.
        weight: Sampling weight of a synthetic image.
        scorer: Outlier scorer.
        remedy: Remedy of the round, with its options.
        reused: Round whose kept images are added; it was rolled back.

    Raises:
        InvalidProtocol: A part is unknown.
        ToolError: The round has no images to reuse.
    """
    if scorer and scorer not in SCORERS:
        raise InvalidProtocol(f"scorer {scorer!r} is not one of {', '.join(sorted(SCORERS))}")
    if remedy:
        _check_remedy(session, remedy)
    protocol = replace(
        protocol,
        synthetic_weight=weight or protocol.synthetic_weight,
        scorer=scorer or protocol.scorer,
        remedy=remedy or protocol.remedy,
    )
    return _reuse_images(session, protocol, reused) if reused else protocol


def _check_remedy(session: Session, remedy: str) -> None:
    """Refuse what this run does not offer: a family such as `train` needs its settings."""
    offered = [offer.remedy for offer in list_offers(session)]
    if remedy not in offered:
        raise InvalidProtocol(f"remedy {remedy!r} is not on offer; offered: {', '.join(offered) or 'none'}")


def _reuse_images(session: Session, protocol: Protocol, reused: int) -> Protocol:
    """Return a draft that also trains on the images that the filters kept in a rolled-back round."""
    found = read_round(session, reused)
    if found.decision is None or reused >= protocol.round:
        raise ToolError(f"round {reused} is not a judged round of this run; its images cannot be reused")
    if found.is_kept:
        raise ToolError(f"round {reused} was kept: its images are in the incumbent already")
    if not has_survivors(session, found) or not makes_images(protocol.remedy):
        raise ToolError(f"round {reused} has no image that the filters kept, or this draft trains on none")
    return replace(protocol, reused=(reused,))
