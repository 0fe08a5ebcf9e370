"""Nearest-neighbour search in a collection with the embeddings of one model of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from atlantis_core.run.measurements import find_trials
from atlantis_core.run.trial_checkpoints import load_trial_retriever
from atlantis_core.searching.filters import check_filter, image_metadata, list_column_values, matches_filter

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from atlantis_core.learning.retriever import Retriever
    from atlantis_core.records import Candidate, LabelledImage
    from atlantis_core.run.session import Session
    from atlantis_core.searching.filters import Where


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A near image of the collection."""

    image: LabelledImage
    nearness: float
    """Cosine similarity, or the measure of the model's embedding space; higher is nearer."""


class Neighbours:
    """Finds the nearest images of a gallery; loads a trial's model and the gallery's embeddings once.

    The search is exact: it compares every query with every image, which is fast at the size of a training
    collection.
    """

    def __init__(self, session: Session, trial_id: str, images: Sequence[LabelledImage]) -> None:
        self._session, self._trial_id, self._images = session, trial_id, tuple(images)

    def nearest(self, candidates: Sequence[Candidate], k: int) -> list[list[Neighbour]]:
        """Return the `k` nearest images of each candidate, nearest first, of any class."""
        return self._rank(self._retriever.embed_cached(candidates, self._session.cache), k)

    @cached_property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """The columns that `where` may name, each with its values."""
        return list_column_values(self._session.collection.facets, map(image_metadata, self._images))

    def nearest_to(
        self, queries: Sequence[str | Path | Image], k: int, where: Where | None = None
    ) -> list[list[Neighbour]]:
        """Return the `k` nearest images of each query that pass the filter `where`, nearest first.

        Raises:
            SetupError: A query cannot be read, or no image has such a column or value.
        """
        facets = self._session.collection.facets
        check_filter(where or {}, facets, self.columns)
        rows = [
            row
            for row, image in enumerate(self._images)
            if matches_filter(image_metadata(image), where or {}, facets)
        ]
        return self._rank(self._retriever.embed(queries), k, rows)

    def _rank(self, queries: NDArray[np.float32], k: int, rows: Sequence[int] | None = None) -> list[list[Neighbour]]:
        """Return the `k` nearest images of each embedded query among `rows` of the gallery; None is all of it."""
        import numpy as np
        import torch

        gallery = np.arange(len(self._images)) if rows is None else np.asarray(rows, int)
        every = self._retriever.space.nearness(torch.from_numpy(queries), torch.from_numpy(self._embeddings))
        nearness = every.numpy()[:, gallery]
        order = np.argsort(-nearness, axis=1, kind="stable")[:, :k]
        return [
            [Neighbour(self._images[gallery[column]], float(nearness[row, column])) for column in columns]
            for row, columns in enumerate(order.tolist())
        ]

    @cached_property
    def _retriever(self) -> Retriever:
        (trial,) = find_trials(self._session, [self._trial_id])
        return load_trial_retriever(trial)

    @cached_property
    def _embeddings(self) -> NDArray[np.float32]:
        return self._retriever.embed_cached(self._images, self._session.cache)
