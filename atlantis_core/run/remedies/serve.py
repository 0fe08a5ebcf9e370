"""Serve: search the same models in another way; no image, no training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.records import Offer
from atlantis_core.run.remedies.remedy import Remedy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.run.session import Session

_SERVINGS = {
    "csls:k=10": "photos that are near to everything are found less often",
    "prototypes": "the mean of each class is searched instead of its photos, which helps classes with few photos",
    "csls:k=10+prototypes": "class means, corrected for those that are near to everything",
}
"""Servings that are tried -> what they can change."""
_POOL_SERVINGS = {
    "rectify+prototypes": "class means to which every class adds its share of the pool's photos: for classes that "
    "have synthetic or catalogue images alone"
}
"""Those that are tried with a pool too."""


class Serve(Remedy):
    """Corrects the similarities for hubs, searches class means and the like: `serve:csls:k=10`."""

    name = "serve"

    def list_offers(self, session: Session) -> Sequence[Offer]:
        """Return the servings that are worth a try; none with another distance than the cosine."""
        if not session.recipe.head.startswith("sphere"):
            return []
        servings = _SERVINGS | (_POOL_SERVINGS if session.spec.pool else {})
        return [
            Offer(f"{self.name}:{serving}", shows, makes_images=False, trainings=0)
            for serving, shows in servings.items()
        ]

    def change_serving(self, serving: str, options: str) -> str:
        """Return the serving of the options: it replaces an earlier one."""
        del serving
        return options
