"""The images of a collection that lie nearest to others, in the eyes of one model of a run."""

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
    """An image of the collection that is near."""

    image: LabelledImage
    nearness: float
    """Cosine, or what the model's space has instead; higher is nearer."""


class Neighbours:
    """Finds the nearest images; the model and the embeddings of what is searched are loaded once.

    Every image is compared with, one by one: exact, and quick for collections that a run can train on.

    Args:
        session: The run.
        trial_id: Whose embeddings are compared.
        images: What is searched.
    """

    def __init__(self, session: Session, trial_id: str, images: Sequence[LabelledImage]) -> None:
        self._session, self._trial_id, self._images = session, trial_id, tuple(images)

    def nearest(self, candidates: Sequence[Candidate], k: int) -> list[list[Neighbour]]:
        """Return the `k` nearest images of each candidate, nearest first, of any class."""
        return self._near(self._retriever.embed_cached(candidates, self._session.cache), k)

    @cached_property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """What can be filtered by: column -> its values."""
        return list_column_values(self._session.collection.facets, map(image_metadata, self._images))

    def nearest_to(
        self, pictures: Sequence[str | Path | Image], k: int, where: Where | None = None
    ) -> list[list[Neighbour]]:
        """Return the `k` nearest images of each picture, a file or an open image.

        Args:
            pictures: To search with.
            k: Images for each; fewer where fewer meet the filter.
            where: Filter by label, split, role or facets; see `searching.filters.Where`.

        Raises:
            SetupError: A picture cannot be read, or no image has such a column or value.
        """
        facets = self._session.collection.facets
        check_filter(where or {}, facets, self.columns)
        among = [
            row
            for row, image in enumerate(self._images)
            if matches_filter(image_metadata(image), where or {}, facets)
        ]
        return self._near(self._retriever.embed(pictures), k, among)

    def _near(self, asked: NDArray[np.float32], k: int, among: Sequence[int] | None = None) -> list[list[Neighbour]]:
        import numpy as np

        searched = np.arange(len(self._images)) if among is None else np.asarray(among, int)
        nearness = self._nearness(asked)[:, searched]
        order = np.argsort(-nearness, axis=1, kind="stable")[:, :k]
        return [
            [Neighbour(self._images[searched[column]], float(nearness[row, column])) for column in columns]
            for row, columns in enumerate(order.tolist())
        ]

    def _nearness(self, asked: NDArray[np.float32]) -> NDArray[np.float32]:
        import torch

        near = self._retriever.space.nearness(torch.from_numpy(asked), torch.from_numpy(self._embeddings))
        found: NDArray[np.float32] = near.numpy()
        return found

    @cached_property
    def _retriever(self) -> Retriever:
        (trial,) = find_trials(self._session, [self._trial_id])
        return load_trial_retriever(trial)

    @cached_property
    def _embeddings(self) -> NDArray[np.float32]:
        return self._retriever.embed_cached(self._images, self._session.cache)
