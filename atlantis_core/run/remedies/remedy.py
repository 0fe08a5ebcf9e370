"""What a remedy is: it offers what can be done in a run, and changes one part of an arm."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.base.ports import Generator
    from atlantis_core.learning.recipe import Recipe
    from atlantis_core.records import GenerationRequest, Offer, Protocol
    from atlantis_core.run.session import Session


class Remedy:
    """A remedy that changes nothing; a subclass overrides the part that it changes."""

    name = ""
    can = ""
    """What it can do, in words that follow "can", for people and chat models."""
    cannot = ""
    """What it cannot, likewise."""
    makes_images = False
    """Whether it adds images to the training set; it then implements `build_generator` and `build_requests`."""

    uses_pool = False
    """Whether its images are photos of the run's pool."""

    asks = False
    """Whether it uses a person's answers about photos of the pool."""

    uses_prompts = False
    """Whether its images are made from the prompts of a protocol."""

    is_for_cells = False
    """Whether it is made for the cells of a protocol; else it changes what is found for all classes."""

    spends_images = True
    """Whether its images count against the budget of images and a pilot makes a tenth of them."""

    def trains_on_images(self, options: str) -> bool:
        """Whether the arm trains on the images that it adds."""
        del options
        return True

    def searches_images(self, options: str) -> bool:
        """Whether the images that it adds stand in the gallery when the arm is measured and searched."""
        del options
        return False

    def list_offers(self, session: Session) -> Sequence[Offer]:
        """Return what can be tried in this run, most promising first; nothing where it lacks what it needs."""
        raise NotImplementedError

    def change_recipe(self, recipe: Recipe, options: str) -> Recipe:
        """Return the recipe that the arm is trained with."""
        del options
        return recipe

    def change_serving(self, serving: str, options: str) -> str:
        """Return the serving with which the arm's models are searched; empty means plain nearest neighbours."""
        del options
        return serving

    def build_generator(self, session: Session, options: str) -> Generator:
        """Return what makes or fetches the images."""
        raise NotImplementedError

    def build_requests(
        self, session: Session, round_index: int, protocol: Protocol, model: str
    ) -> tuple[GenerationRequest, ...]:
        """Return one request per image of a protocol; `model` is the diagnosing model.

        Raises:
            NothingGenerated: There is no image for any cell of the protocol.
        """
        raise NotImplementedError

    def source_paths(self, session: Session, protocol: Protocol) -> dict[str, str]:
        """Return the path of each source image that is not a training image, by id, for the leak guard."""
        del session, protocol
        return {}
