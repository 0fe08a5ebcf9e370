"""Serve: search the same models in another way; no image, no training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.learning.serving.pilots import list_servings_to_pilot
from atlantis_core.records import Offer
from atlantis_core.run.remedies.remedy import Remedy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.run.session import Session


class Serve(Remedy):
    """Corrects the similarities for hubs, searches class means and the like: `serve:csls:k=10`."""

    name = "serve"
    can = "change how the same models are searched, within seconds"
    cannot = "teach the model anything new about how a class looks"

    def list_offers(self, session: Session) -> Sequence[Offer]:
        """Return the servings that are worth a try; none with another distance than the cosine."""
        distance = "cosine" if session.recipe.head.startswith("sphere") else session.recipe.head
        has_pool = session.spec.pool is not None  # reading and guarding it takes seconds, and a run begins with this
        return [
            Offer(f"{self.name}:{pilot.serving}", pilot.what, makes_images=False, trainings=0)
            for pilot in list_servings_to_pilot(session.task, distance, has_pool=has_pool)
        ]

    def change_serving(self, serving: str, options: str) -> str:
        """Return the serving of the options: it replaces an earlier one."""
        del serving
        return options
