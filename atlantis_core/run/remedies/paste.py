"""Paste: objects of classes that have hardly a photo, cut out and pasted on photos of other classes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from atlantis_core.base.errors import NothingGenerated, SetupError
from atlantis_core.base.plural import count_noun
from atlantis_core.base.ports import name_generator
from atlantis_core.generation.cut_paste.generator import CutPasteGenerator, add_masks
from atlantis_core.generation.cut_paste.sources import FEW_PHOTOS
from atlantis_core.generation.requests import build_requests
from atlantis_core.records import Cell, CellRequest, Offer
from atlantis_core.records.natural_order import natural_key
from atlantis_core.run.remedies.remedy import Remedy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.base.ports import Generator
    from atlantis_core.records import GenerationRequest, Protocol
    from atlantis_core.run.session import Session

PASTES_PER_CLASS = 8
_MOST_CLASSES = 200
"""So many classes are served at once, the failing ones first: finding an outline takes up to a quarter second."""
_USES = {"gallery": "found as they are, without a training", "both": "trained on and found"}
"""Options -> what the images are used for."""


class Paste(Remedy):
    """Pasted objects of every class with few photos: `paste:gallery` or `paste:both`.

    A catalogue image is unlike every photo, so nothing finds it; a paste is like a photo. The images cost
    milliseconds: they are made for a pilot already, at most as many as the budget has left.
    """

    name = "paste"
    can = "show the objects of classes with few photos in other scenes"
    cannot = "show another pose, side or medium; help classes with enough photos"
    makes_images = True
    is_for_cells = True
    spends_images = False

    def list_offers(self, session: Session) -> Sequence[Offer]:
        """Return each use of the images; none where every class has photos, or all have few of them."""
        if not _few_classes(session):
            return []
        shows = f"objects of classes with fewer than {FEW_PHOTOS} photos, cut out and pasted into other scenes"
        return [
            Offer(f"{self.name}:{options}", f"{shows}, {use}", makes_images=True, trainings=int(options == "both"))
            for options, use in _USES.items()
        ]

    def trains_on_images(self, options: str) -> bool:
        """Whether the arm trains on the images."""
        return _check(options) == "both"

    def searches_images(self, options: str) -> bool:
        """Whether the images stand in the gallery: always."""
        return bool(_check(options))

    def build_generator(self, session: Session, options: str) -> Generator:
        """Return the generator of the run if it pastes, else one that pastes on training photos."""
        _check(options)
        return _find_generator(session)

    def build_requests(
        self, session: Session, round_index: int, protocol: Protocol, model: str
    ) -> tuple[GenerationRequest, ...]:
        """Return an equal number of requests for each class with few photos, those of the protocol's cells first."""
        del model
        generator, few = _find_generator(session), _few_classes(session)
        failing = {request.cell.class_name for request in protocol.cells}
        classes = sorted(few, key=lambda name: (name not in failing, natural_key(name)))[:_MOST_CLASSES]
        train = session.collection.of_split("train")
        found = generator.choose_sources(image for image in train if image.label in set(classes))
        if found.refused:
            session.say(f"{count_noun(len(found.refused), 'photo')} not cut out, such as {found.refused[0]}")
        usable = [name for name in classes if name not in found.without]
        if not usable:
            raise NothingGenerated("no photo of a class with few photos has an object that can be cut out")
        each = _count_per_class(session, len(usable))
        pasted = replace(protocol, cells=tuple(CellRequest(Cell(name), each) for name in usable), arm="edit")
        seed = session.spec.seed * 1000 + round_index
        name = partial(name_generator, generator)
        scenes = [image for image in train if image.label not in few]
        return build_requests(pasted, found.images, name, seed, session.synthetic_side_px, backgrounds=scenes)


def _find_generator(session: Session) -> CutPasteGenerator:
    """Return the run's generator if it pastes, else one that pastes on the scenes of each request."""
    if isinstance(session.generator, CutPasteGenerator):
        return session.generator
    return CutPasteGenerator(add_masks(CutPasteGenerator.name, session.spec.masks).partition(":")[2])


def _count_per_class(session: Session, classes: int) -> int:
    """Return how many images each class gets.

    Raises:
        NothingGenerated: The budget has too few images left for one each.
    """
    left = session.images_left
    each = PASTES_PER_CLASS if left is None else min(PASTES_PER_CLASS, int(left) // classes)
    if each < 1:
        raise NothingGenerated(f"the budget has fewer images left than the {classes} classes with few photos need")
    return each


def _few_classes(session: Session) -> list[str]:
    """Return the classes with few training photos; none if that is every class, which has no scenes to paste into."""
    counts = Counter(image.label for image in session.collection.of_split("train"))
    few = [name for name, count in counts.items() if count < FEW_PHOTOS]
    return few if len(few) < len(counts) else []


def _check(options: str) -> str:
    if options not in _USES:
        raise SetupError(f"pasted objects are not used for {options!r}; known: {', '.join(_USES)}")
    return options
