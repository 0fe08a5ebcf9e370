"""What the tools act on: the workspace, its runs, and the settings that a person chose for this server."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError
from atlantis_dml.app.request import build_request

if TYPE_CHECKING:
    from pathlib import Path

    from atlantis_core.records import Budget
    from atlantis_dml.app.request import RunOptions, RunRequest
    from atlantis_dml.web.site import Site


@dataclass(frozen=True, slots=True)
class McpDesk:
    """Handed to every tool."""

    site: Site
    """The runs and their workers, as the web app has them."""
    given: RunOptions
    """Settings of all runs; its limits are the most that a run may ask for."""
    folder: Path | None
    """The workspace, as typed."""
    data: tuple[str, ...]
    """The collections that tools may read, by name or folder."""

    def build_request(
        self,
        data: str,
        goal: str = "",
        images: int | None = None,
        usd: float | None = None,
        rounds: int | None = None,
    ) -> RunRequest:
        """Return the request for a run or a diagnosis; a run of an agent always asks for approval.

        Raises:
            SetupError: Another collection than this server has, or more than its limits.
        """
        if data not in self.data:
            raise SetupError(f"this server has no collection {data[:80]!r}; it has: {', '.join(self.data)}")
        given = replace(self.given, budget_images=images, budget_usd=usd, rounds=rounds, auto=False)
        request = build_request(data, given, self.folder, goal)
        return replace(request, spec=replace(request.spec, budget=self._limit(request.spec.budget, rounds)))

    def _limit(self, asked: Budget, rounds: int | None) -> Budget:
        """Return the budget with the server's limits where none was named."""
        most = self.given
        for name, value, limit in (
            ("images", asked.images, most.budget_images),
            ("usd", asked.usd, most.budget_usd),
            ("rounds", rounds, most.rounds),
        ):
            if value is not None and limit is not None and value > limit:
                raise SetupError(f"{name} {value:g} is more than this server allows; at most {limit:g}")
        return replace(
            asked,
            images=most.budget_images if asked.images is None else asked.images,
            usd=most.budget_usd if asked.usd is None else asked.usd,
            rounds=asked.rounds if most.rounds is None else min(asked.rounds, most.rounds),
        )
