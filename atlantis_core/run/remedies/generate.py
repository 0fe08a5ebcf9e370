"""Generate: synthetic images of the failing cells, or real ones from the pool of `--generator retrieve:FOLDER`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import InvalidProtocol, NothingGenerated
from atlantis_core.base.plural import count_noun
from atlantis_core.base.ports import FittableGenerator, Generator, name_generator
from atlantis_core.generation.building import build_generator
from atlantis_core.generation.cut_paste.generator import CutPasteGenerator
from atlantis_core.generation.requests import build_pool_requests, build_requests
from atlantis_core.records import Offer
from atlantis_core.run.measurements import load_model
from atlantis_core.run.remedies.remedy import Remedy
from atlantis_core.run.round import read_judged_rounds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.generation.cut_paste.sources import UsableSources
    from atlantis_core.generation.pool_matching import PoolMatch
    from atlantis_core.pool.pool_folder import PoolImage
    from atlantis_core.records import GenerationRequest, Protocol
    from atlantis_core.run.session import Session

_SHOWS = {
    "edit": "real photos of the class, edited to show what the cell's words say",
    "text_to_image": "images generated from prompts",
    "retrieve": "real photos of the pool that look like the cell",
}


class Generate(Remedy):
    """Images by the run's generator."""

    name = "generate"
    can = "add images of failing cells that the generator can show"
    cannot = "show what the generator cannot"
    makes_images = True
    uses_prompts = True
    is_for_cells = True

    def list_offers(self, session: Session) -> Sequence[Offer]:
        """Return the run's generator, and one that can be fitted also the other way; `paste` offers cut-paste."""
        generator = session.generator
        shows = _SHOWS[generator.modes[0]]
        if not isinstance(generator, FittableGenerator) or not (other := generator.name_counterpart()):
            return [Offer(self.name, shows, makes_images=True, trainings=1)]
        models = ("the model as it is", "the model fitted to the training photos")
        own, others = (models[is_fitted] for is_fitted in (generator.is_fitted, not generator.is_fitted))
        return [
            Offer(self.name, f"{shows}, by {own}", makes_images=True, trainings=1),
            Offer(f"{self.name}:{other}", f"{shows}, by {others}", makes_images=True, trainings=1),
        ]

    def build_generator(self, session: Session, options: str) -> Generator:
        """Return the generator that the options name, or the run's."""
        if not options:
            return session.generator
        # As it was read: facets learned in the run do not change what a generator is fitted to.
        collection = session.loaded.collection
        return build_generator(options, session.spec.masks, collection, session.workspace.folder, session.progress)

    def build_requests(
        self, session: Session, round_index: int, protocol: Protocol, model: str
    ) -> tuple[GenerationRequest, ...]:
        """Return requests to edit, to generate, to paste, or to fetch from the pool; see `Remedy.build_requests`."""
        generator = self.build_generator(session, protocol.remedy.partition(":")[2])
        side_px = session.synthetic_side_px
        if protocol.arm == "retrieve":
            return build_pool_requests(
                protocol, *_match_pool(session, protocol, model), f"{generator.name}/{generator.version}", side_px
            )
        name = partial(name_generator, generator)
        seed = session.spec.seed * 1000 + round_index  # the same cell asked for again gives other images
        train = session.collection.of_split("train")
        if not isinstance(generator, CutPasteGenerator):
            return build_requests(protocol, train, name, seed, side_px)
        wanted = {request.cell.class_name for request in protocol.cells}
        found = generator.choose_sources(image for image in train if image.label in wanted)
        _check_sources(session, found)
        return build_requests(protocol, found.images, name, seed, side_px, backgrounds=train)

    def source_paths(self, session: Session, protocol: Protocol) -> dict[str, str]:
        """Return the paths of the pool's images."""
        return {image.id: image.path for image in _pool(session, protocol)}


def _check_sources(session: Session, found: UsableSources) -> None:
    """Report photos that no object can be cut out of; refuse a class that has no other."""
    if found.without:
        raise InvalidProtocol(
            f"no photo of class {found.without[0]!r} has an object that can be cut out ({found.refused[0]}); drop "
            "its cells, or give masks: --masks FOLDER"
        )
    if found.refused:
        session.say(f"{count_noun(len(found.refused), 'photo')} not cut out, such as {found.refused[0]}")


def _match_pool(session: Session, protocol: Protocol, model: str) -> tuple[list[PoolImage], list[PoolMatch]]:
    """Return the pool less the training photos in it and those of earlier rounds, and what was chosen of it."""
    from atlantis_core.generation.pool_matching import match_pool

    train = session.collection.of_split("train")
    earlier = [key for judged in read_judged_rounds(session) for key in judged.candidate_keys]
    used = {image.id for image in train}
    used |= {candidate.source_id for candidate in session.workspace.candidates.find(earlier).values()}
    pool = [image for image in _pool(session, protocol) if image.id not in used]
    if not pool:
        raise NothingGenerated("the pool holds no image that is not used already")
    embed = partial(load_model(session, model).embed_cached, cache=session.cache, progress=session.progress)
    chosen = match_pool(protocol.cells, embed(pool), train, embed(train))
    if not chosen:
        raise NothingGenerated("no image of the pool looks like any cell of the protocol")
    return pool, chosen


def _pool(session: Session, protocol: Protocol) -> tuple[PoolImage, ...]:
    """Return the pool that a protocol takes its images from; empty where it makes them."""
    generator: Any = session.generator  # only `retrieve` has that arm, and a pool
    return generator.pool if protocol.arm == "retrieve" else ()
