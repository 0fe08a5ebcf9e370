"""The pool of a run, and the training photos beside it, as one model and the frozen backbone see them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.learning.retriever import frozen_retriever
from atlantis_core.learning.serving.interface import to_unit
from atlantis_core.pool.answers import spread_answers
from atlantis_core.pool.held_out import Labelled, Unlabelled, hold_out_groups, join_views
from atlantis_core.pool.pseudo_labels import pseudo_label
from atlantis_core.run.measurements import load_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.learning.inputs.activation_cache import IdentifiedImage
    from atlantis_core.learning.retriever import Retriever
    from atlantis_core.pool.pool_folder import PoolImage
    from atlantis_core.pool.pseudo_labels import PseudoLabels
    from atlantis_core.records import Answer
    from atlantis_core.run.session import Session

FROZEN = ""
"""In place of a model: the backbone as it is before any training."""


class PoolView:
    """Everything that pseudo-labels and questions are computed from.

    Args:
        session: Names collection, backbone and recipe.
        model: The teacher: a model of an arm, or `FROZEN`.
        images: The photos of the pool.
        rejected: Ids of photos that get no label.
    """

    def __init__(
        self, session: Session, model: str, images: Sequence[PoolImage], rejected: Collection[str] = ()
    ) -> None:
        train = session.collection.of_split("train")
        self.ids, self.train_ids = [image.id for image in images], [image.id for image in train]
        self.rejected = [row for row, name in enumerate(self.ids) if name in rejected]
        backbone = None if session.from_scratch else _load_frozen(session)  # random features see nothing
        teacher = load_model(session, model) if model != FROZEN else backbone or _load_frozen(session)
        self.train = Labelled(_embed(session, teacher, train), np.array([image.label for image in train]))
        photos, frozen = _embed(session, teacher, images), self.train.embeddings
        if backbone is None or model == FROZEN:
            self.pool = Unlabelled(photos)
        else:
            frozen = _embed(session, backbone, train)
            self.pool = Unlabelled(photos, join_views(photos, _embed(session, backbone, images)))
        self.held_out = hold_out_groups(self.train, frozen)

    @property
    def classes(self) -> set[str]:
        """The classes of the training photos."""
        return set(self.train.labels.tolist())

    def label(self, said: Mapping[int, Answer] | None = None) -> PseudoLabels:
        """Return the pseudo-labels of the pool, given what a person said about some rows."""
        named = {row: answer.label for row, answer in (said or {}).items()}
        if named:
            return spread_answers(named, self.train, self.pool, self.held_out, rejected=self.rejected)
        return pseudo_label(self.train, self.pool, self.held_out, rejected=self.rejected)

    def find_rows(self, answers: Collection[Answer]) -> dict[int, Answer]:
        """Return the answers that say something about photos of this pool, by row."""
        given = {answer.image_id: answer for answer in answers if answer.label}
        return {row: given[name] for row, name in enumerate(self.ids) if name in given and row not in self.rejected}


def _load_frozen(session: Session) -> Retriever:
    recipe = session.recipe
    return frozen_retriever(session.backbone, recipe.trainable_fraction, recipe.side_px)


def _embed(session: Session, retriever: Retriever, images: Sequence[IdentifiedImage]) -> NDArray[np.float32]:
    """Return unit vectors (N, D); of points in a hyperbolic space their directions."""
    return to_unit(retriever.embed_cached(images, session.cache, progress=session.progress))
