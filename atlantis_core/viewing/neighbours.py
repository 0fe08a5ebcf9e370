"""The real training images that lie nearest to made ones, in the eyes of the model that screens them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from atlantis_core.trials import trials

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from atlantis_core.learning.retriever import Retriever
    from atlantis_core.records import Candidate, LabelledImage
    from atlantis_core.session import Session


@dataclass(frozen=True, slots=True)
class Near:
    """A real image beside a made one."""

    image: LabelledImage
    cosine: float


@dataclass(frozen=True, slots=True)
class _Picture:
    """A made image as the activation cache knows pictures."""

    id: str
    path: str


class Neighbours:
    """Finds the nearest training images; the model and their embeddings are loaded once.

    Args:
        session: The run.
        trial_id: Whose embeddings are compared.
    """

    def __init__(self, session: Session, trial_id: str) -> None:
        self._session, self._trial_id = session, trial_id

    def nearest(self, candidates: Sequence[Candidate], k: int) -> list[list[Near]]:
        """Return the `k` nearest training images of each candidate, nearest first, of any class."""
        import numpy as np

        pictures = [_Picture(one.key, one.path) for one in candidates]
        cosines = self._retriever.embed_cached(pictures, self._session.cache) @ self._embeddings.T
        order = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
        return [
            [Near(self._train[column], float(cosines[row, column])) for column in columns]
            for row, columns in enumerate(order.tolist())
        ]

    @cached_property
    def _retriever(self) -> Retriever:
        from atlantis_core.learning.retriever import load_retriever

        (trial,) = trials(self._session, [self._trial_id])
        return load_retriever(trial.path)

    @cached_property
    def _train(self) -> tuple[LabelledImage, ...]:
        return tuple(self._session.collection.of_split("train"))

    @cached_property
    def _embeddings(self) -> NDArray[np.float32]:
        return self._retriever.embed_cached(self._train, self._session.cache)
