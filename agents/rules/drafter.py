"""The protocol drafter by rules: shares the images out as `--spread` says and does not repeat what failed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from atlantis_core.base.errors import ToolError
from atlantis_core.base.hashing import content_hash
from atlantis_core.records import Protocol
from atlantis_core.run.allocation import load_allocation
from atlantis_core.run.allocation.allocation import weigh_images
from atlantis_core.run.drafting import write_objective
from atlantis_core.run.responses import is_rejected_draft
from atlantis_dml.agents.rules.responses import describe_followed, share_out_as_asked

if TYPE_CHECKING:
    from atlantis_core.run.drafting import Brief


class RuleDrafter:
    """Drafts what the run's way to share images out (`run.allocation`) gives each cell."""

    def draft(self, brief: Brief) -> Protocol:
        """Return a protocol within `brief.num_images`; a `ToolError` if there is no gap and no untried cell."""
        brief = replace(brief, refuted=brief.refuted | brief.stopped)
        is_asked = bool(brief.responses) or not brief.wish.is_empty
        shares = share_out_as_asked(brief) if is_asked else load_allocation(brief.spread).share_out(brief)
        cells = list(shares.cells)
        protocol = Protocol(
            id=content_hash("protocol", [brief.round, cells, brief.spread])[:12],
            round=brief.round,
            arm=brief.modes[0],
            cells=shares.cells,
            objective=write_objective(request.cell for request in cells),
            reason=shares.reason,
            scorer=brief.scorer,
            synthetic_weight=weigh_images(brief, cells),
            expected_gain=round(shares.expected_gain, 3),
        )
        if is_rejected_draft(brief.responses, protocol):
            raise ToolError(f"--spread {brief.spread} drafts this protocol alone, and a person rejected it")
        followed = describe_followed(brief, protocol)
        return replace(protocol, reason=f"{protocol.reason}; {followed}") if followed else protocol
