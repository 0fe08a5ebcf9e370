"""Generate: synthetic images of the failing cells, or real ones from the pool of `--generator retrieve:FOLDER`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import NothingGenerated
from atlantis_core.base.ports import name_generator
from atlantis_core.generation.requests import build_pool_requests, build_requests
from atlantis_core.records import Offer
from atlantis_core.run.measurements import load_model
from atlantis_core.run.remedies.remedy import Remedy
from atlantis_core.run.round import read_judged_rounds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.base.ports import Generator
    from atlantis_core.generation.pool_matching import PoolMatch
    from atlantis_core.generation.retrieve import PoolImage
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
    makes_images = True

    def list_offers(self, session: Session) -> Sequence[Offer]:
        """Return the one offer of the run's generator."""
        shows = _SHOWS[session.generator.modes[0]]
        return [Offer(self.name, shows, makes_images=True, trainings=1)]

    def build_generator(self, session: Session, options: str) -> Generator:
        """Return the run's generator."""
        del options
        return session.generator

    def build_requests(
        self, session: Session, round_index: int, protocol: Protocol, model: str
    ) -> tuple[GenerationRequest, ...]:
        """Return requests to edit, to generate, or to fetch from the pool; see `Remedy.build_requests`."""
        generator, side_px = session.generator, session.synthetic_side_px
        if protocol.arm == "retrieve":
            version = f"{generator.name}/{generator.version}"
            return build_pool_requests(protocol, *_match_pool(session, protocol, model), version, side_px)
        seed = session.spec.seed * 1000 + round_index  # the same cell asked for again gives other images
        train = session.collection.of_split("train")
        return build_requests(protocol, train, partial(name_generator, generator), seed, side_px)

    def source_paths(self, session: Session, protocol: Protocol) -> dict[str, str]:
        """Return the paths of the pool's images."""
        return {image.id: image.path for image in _pool(session, protocol)}


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
