"""Thompson: images go where pilots promise most, by Thompson sampling over groups of gaps and remedies.

Thompson, Biometrika 25, 1933; Russo et al., *A Tutorial on Thompson Sampling*, 2018. The images of a round are
spent portion by portion: gains are drawn from what is known of them (`gain_model`), and a portion goes where it adds
most in that draw. Each portion adds less than the one before, every group keeps a floor, and what no draw finds
worth its images is not spent.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.base.errors import ToolError
from atlantis_core.base.plural import count_noun
from atlantis_core.records import CellRequest
from atlantis_core.run.allocation.allocation import (
    Allocation,
    Shares,
    expand_cell,
    list_open_gaps,
    mean_deficit,
    spread_by_weight,
    spread_evenly,
)
from atlantis_core.run.allocation.gain_model import infer_gains
from atlantis_core.run.allocation.options import list_options
from atlantis_core.run.gap_groups import find_group, group_cells
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.pilot_choice import LEAST_GAIN
from atlantis_core.run.remedies import parse_remedy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.records import Pilot, Protocol
    from atlantis_core.run.allocation.gain_model import Option
    from atlantis_core.run.drafting import Brief
    from atlantis_core.run.session import Session

FLOOR_SHARE = 0.1
"""Share of the images that is spread evenly over all groups, whatever the pilots gave: a pilot may be wrong."""

_PORTIONS = 100


class Thompson(Allocation):
    """Drafts all open groups alike, and shares out again after the pilots."""

    asks_drafter = True
    pilots = "always"

    def share_out(self, brief: Brief) -> Shares:
        """Return an equal share for each group of gaps, so that each is piloted."""
        gaps = list_open_gaps(brief)
        if not gaps:
            raise ToolError("no gap is left that was not tried before")
        groups = group_cells(gaps, ())
        totals = spread_by_weight([1.0] * len(groups), brief.num_images)
        shares: list[CellRequest] = []
        for group, images in zip(groups, totals, strict=True):
            cells = [one for cell in group.cells for one in expand_cell(cell, brief.classes)]
            shares += spread_evenly(cells, images, 0) if images else []
        counts: Counter[object] = Counter()
        for request in shares:  # two groups of the regime `unseen` may name the same cell
            counts[request.cell] += request.count
        unique = {request.cell: replace(request, count=counts[request.cell]) for request in shares}
        reason = f"{count_noun(len(groups), 'group')} of gaps alike, until pilots say which gains"
        return Shares(tuple(unique.values()), mean_deficit(gaps) / 2, reason)

    def share_out_again(
        self, session: Session, round_index: int, protocol: Protocol, pilots: Sequence[Pilot]
    ) -> Protocol:
        """Return the protocol with its images by group, as Thompson sampling gives them to its remedy.

        A remedy that spends no images leaves it unchanged. What goes to other remedies, or nowhere, stays in the
        budget for later rounds.
        """
        remedy = parse_remedy(protocol.remedy)[0]
        if not (remedy.makes_images and remedy.spends_images):
            return protocol
        cells = [request.cell for request in protocol.cells]
        gaps = session.read(round_index, JournalKind.GAPS) or ()
        groups = group_cells(gaps, cells)
        groups = tuple(group for group in groups if any(find_group(groups, cell) == group for cell in cells))
        options = list_options(session, round_index, protocol, groups, pilots)
        rng = np.random.default_rng([session.spec.seed, round_index])
        spent = spend_images(options, protocol.num_images, rng)
        own = {one.group: images for one, images in zip(options, spent, strict=True) if one.remedy == protocol.remedy}
        requests: list[CellRequest] = []
        for group in groups:
            members = [request for request in protocol.cells if find_group(groups, request.cell) == group]
            counts = spread_by_weight([request.count for request in members], own[group.name])
            requests += [replace(one, count=count) for one, count in zip(members, counts, strict=True) if count]
        told = ", ".join(f"{name} {images}" for name, images in own.items())
        saved = protocol.num_images - sum(own.values())
        reason = f"{protocol.reason}; images by what the pilots gave: {told}" + (
            f"; {saved} not spent" if saved else ""
        )
        return replace(protocol, cells=tuple(requests), reason=reason)


def spend_images(options: Sequence[Option], num_images: int, rng: np.random.Generator) -> list[int]:
    """Return how many images each option gets, (N,); fewer than `num_images` in all where more are not worth it.

    A portion is worth its images if it adds more than its share of `LEAST_GAIN` over the queries of all groups.
    """
    mean, covariance = infer_gains(options)
    spent = _spread_floor(options, mean, num_images)
    weight = np.array([one.weight for one in options])
    left = num_images - int(spent.sum())
    for portion in spread_by_weight([1.0] * min(_PORTIONS, max(1, left)), left):
        drawn = rng.multivariate_normal(mean, covariance, method="eigh")
        more = np.array(
            [one.saturation(n + portion) - one.saturation(n) for one, n in zip(options, spent, strict=True)]
        )
        added = weight * drawn * more
        best = int(np.argmax(added))
        if added[best] > LEAST_GAIN * portion / num_images:
            spent[best] += portion
    return [int(images) for images in spent]


def _spread_floor(options: Sequence[Option], mean: np.ndarray, num_images: int) -> np.ndarray:
    """Give every group its floor, to its most promising remedy."""
    spent = np.zeros(len(options), np.int64)
    names = list(dict.fromkeys(one.group for one in options))
    floors = spread_by_weight([1.0] * len(names), max(1, round(FLOOR_SHARE * num_images)))
    for name, floor in zip(names, floors, strict=True):
        rows = [row for row, one in enumerate(options) if one.group == name]
        spent[max(rows, key=lambda row: mean[row])] = floor
    return spent
