"""Self-train: photos of the unlabelled pool, with the classes that the diagnosing model is sure of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.base.errors import NothingGenerated, SetupError
from atlantis_core.generation.pool_photos import PoolPhotos
from atlantis_core.generation.requests import request_hash
from atlantis_core.records import Cell, GenerationRequest, Offer
from atlantis_core.run.pool import find_photos, label_pool
from atlantis_core.run.remedies.remedy import Remedy
from atlantis_core.run.round import read_judged_rounds
from atlantis_core.run.training_set import SAMPLING_WEIGHT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.base.ports import Generator
    from atlantis_core.records import Protocol
    from atlantis_core.run.pool import PoolLabel
    from atlantis_core.run.round import JudgedRound
    from atlantis_core.run.session import Session

_USES = {
    "": "trained on",
    "gallery": "found as they are, without a training",
    "both": "trained on and found",
}
"""Options -> what the photos are used for."""


class SelfTrain(Remedy):
    """Pseudo-labelled photos of the pool: `self_train`, `self_train:gallery` or `self_train:both`."""

    name = "self_train"
    can = "add real photos of the pool whose class the model is sure of"
    cannot = "add what no photo of the pool shows, or classes that the model does not recognise"
    makes_images = True
    spends_images = False
    uses_pool = True
    _shows = "photos of the pool whose class the model is sure of"

    def list_offers(self, session: Session) -> Sequence[Offer]:
        """Return each use of the photos; none without a pool, or if the same was rolled back already."""
        if session.spec.pool is None:
            return []
        return [
            Offer(name, f"{self._shows}, {use}", makes_images=True, trainings=int(self.trains_on_images(options)))
            for options, use in _USES.items()
            if not self._was_rolled_back(session, name := f"{self.name}:{options}".rstrip(":"))
        ]

    def _was_rolled_back(self, session: Session, remedy: str) -> bool:
        """Whether a round of this remedy was rolled back and nothing has changed since for it."""
        found = False
        for judged in read_judged_rounds(session):
            is_same = judged.protocol.remedy == remedy and self._knew_as_much(session, judged)
            found = not judged.is_kept and (found or is_same)  # a kept round changes the teacher
        return found

    def _knew_as_much(self, session: Session, judged: JudgedRound) -> bool:
        """Whether a round of this remedy knew about the pool what is known now."""
        del session, judged
        return True

    def trains_on_images(self, options: str) -> bool:
        """Whether the arm trains on the photos."""
        return _check(options) != "gallery"

    def searches_images(self, options: str) -> bool:
        """Whether the photos stand in the gallery."""
        return _check(options) in {"gallery", "both"}

    def build_generator(self, session: Session, options: str) -> Generator:
        """Return what opens the pool's photos."""
        _check(options)
        if session.spec.pool is None:
            raise SetupError(f"{self.name} needs unlabelled photos; name a folder with --pool FOLDER")
        return PoolPhotos(session.spec.pool)

    def build_requests(
        self, session: Session, round_index: int, protocol: Protocol, model: str
    ) -> tuple[GenerationRequest, ...]:
        """Return a request for each photo whose class is sure enough, of every class: they cost no image."""
        failing = sorted({request.cell.class_name for request in protocol.cells})
        labels = label_pool(session, model, failing, ask=self.asks, round_index=round_index)
        if not labels:
            raise NothingGenerated("the model is sure enough of no photo of the pool")
        paths = {image.id: image.path for image in find_photos(session)}
        return tuple(
            _request(label, paths[label.image_id], session.synthetic_side_px)
            for label in labels
            if label.image_id in paths
        )

    def source_paths(self, session: Session, protocol: Protocol) -> dict[str, str]:
        """Return the paths of the pool's photos."""
        del protocol
        return {image.id: image.path for image in session.pool.images}


def _check(options: str) -> str:
    if options not in _USES:
        known = ", ".join(repr(use) for use in _USES if use)
        raise SetupError(f"photos of a pool are not used for {options!r}; known: {known}, or nothing for training")
    return options


def _request(label: PoolLabel, path: str, side_px: int) -> GenerationRequest:
    by = "a person named" if label.is_answer else "looks like"
    cell, prompt = Cell(label.class_name), f"a photo of the pool that {by} {label.class_name}"
    key = request_hash("pool/1", label.image_id, "", prompt, cell, 0, side_px)
    notes = {**label.evidence, "expected_right": round(label.rate, 4), SAMPLING_WEIGHT: round(label.rate, 4)}
    return GenerationRequest(key, cell, prompt, 0, label.image_id, path, side_px, notes=notes)
