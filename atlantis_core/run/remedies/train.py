"""Train: the same images with another recipe, such as one that attacks a share of its own batches."""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import TYPE_CHECKING

from atlantis_core.learning.training.recipe_offers import change_recipe, list_recipe_offers
from atlantis_core.records import Offer
from atlantis_core.run.remedies.remedy import Remedy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.learning.recipe import Recipe
    from atlantis_core.run.session import Session


_MOST_COST = 1.5
"""Seconds of a training, relative to the run's recipe, up to which a pilot counts as cheap."""


class Train(Remedy):
    """A recipe with other settings; its options are written as behind a preset: `train:mixstyle=0.5`."""

    name = "train"
    can = "train the same photos by another recipe"
    cannot = "show what no training photo shows"

    def list_offers(self, session: Session) -> Sequence[Offer]:
        """Return the recipes that suit the goal; costly ones only against attacks, which nothing else answers."""
        found = list_recipe_offers(session.recipe, session.attack, measure_rarest(session))
        return [
            Offer(f"{self.name}:{offer.settings}", offer.shows, makes_images=False, trainings=1)
            for offer in found
            if session.attack or offer.cost <= _MOST_COST
        ]

    def change_recipe(self, recipe: Recipe, options: str) -> Recipe:
        """Return the recipe with the settings in the options."""
        return change_recipe(recipe, options)


def measure_rarest(session: Session) -> float:
    """Return how many training images show the rarest queried facet value, relative to the facet's median; at most 1.

    A value that is queried and never trained on gives 0.
    """
    rarest = 1.0
    train, queries = session.collection.of_split("train"), session.task.queries
    for facet in session.collection.facets:
        counts = Counter(image.facets[facet] for image in train if facet in image.facets)
        asked = {image.facets[facet] for image in queries if facet in image.facets}
        if len(counts.keys() | asked) > 1:
            typical = median(counts.values()) if counts else 1.0
            rarest = min([rarest, *(counts[value] / typical for value in asked)])
    return rarest
