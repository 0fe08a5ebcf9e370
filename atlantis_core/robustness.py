"""Recall under attack: the queries are changed by someone who knows the model and the gallery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from atlantis_core.data.tasks import RetrievalTask
from atlantis_core.evaluation import embed_task, measure_embeddings
from atlantis_core.learning.attacks import Attack, attack_all
from atlantis_core.learning.heads import Hyperbolic
from atlantis_core.learning.poincare import distances
from atlantis_core.metrics.measure import RECALL_AT
from atlantis_core.ports import Progress, no_progress
from atlantis_core.records import Measurement

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.learning.retriever import Retriever

_ROWS = 256


@dataclass(frozen=True, slots=True)
class Robustness:
    """A model's figures with and without attack, on the same queries."""

    clean: Measurement
    robust: Measurement
    attack: Attack
    flipped: float
    """Share of the queries that were answered rightly and no longer are."""

    def facts(self) -> dict[str, Any]:
        """Return the attacked side as plain data."""
        figures = {f"{k}": value for k, value in self.robust.recall_at.items()}
        quality = {"map_at_r": self.robust.map_at_r, "r_precision": self.robust.r_precision}
        return {"recall_at": figures, **quality, **asdict(self.attack), "flipped": self.flipped}


def robust_recall(
    retriever: Retriever,
    task: RetrievalTask,
    attack: Attack,
    progress: Progress = no_progress,
    at: Sequence[int] = RECALL_AT,
) -> Robustness:
    """Measure a retriever on a task whose queries are attacked; the gallery stays clean.

    Every query is pushed towards the nearest gallery image of another class and away from the nearest of its own
    (that of itself excepted), in the retriever's own space. A query without a partner is not attacked: it counts in
    no figure.

    Args:
        retriever: What is attacked, with full knowledge of it.
        task: Queries and gallery.
        attack: Method and strength.
        progress: Told of embedded and attacked pictures.
        at: The K of Recall@K.
    """
    from PIL import Image

    queries, gallery = embed_task(retriever, task, progress=progress)
    wrong, right = _nearest(retriever, task, queries, gallery)
    rows = np.flatnonzero((wrong >= 0) & (right >= 0))
    asked = [task.queries[row] for row in rows]
    changed = attack_all(
        retriever,
        [image.path for image in asked],
        [image.id for image in asked],
        gallery[wrong[rows]],
        gallery[right[rows]],
        attack,
        progress,
    )
    attacked = queries.copy()
    if len(rows):
        attacked[rows] = retriever.embed([Image.fromarray(picture) for picture in changed], progress=progress)
    clean, before = measure_embeddings(retriever.space, task, queries, gallery, at)
    robust, after = measure_embeddings(retriever.space, task, attacked, gallery, at)
    flipped = float(np.mean(before.hit & ~after.hit)) if len(before.hit) else 0.0
    return Robustness(clean, robust, attack, flipped)


def _nearest(
    retriever: Retriever, task: RetrievalTask, queries: NDArray[np.float32], gallery: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the nearest gallery row of another class and of the own class for each query; -1 for none."""
    labels, ids = (np.array([getattr(i, name) for i in task.gallery]) for name in ("label", "id"))
    wrong, right = (np.full(len(queries), -1, dtype=np.int64) for _ in range(2))
    for start in range(0, len(queries), _ROWS):
        near = _nearness(retriever, queries[start : start + _ROWS], gallery)
        for row, image in enumerate(task.queries[start : start + _ROWS]):
            own = labels == image.label
            for found, allowed in ((wrong, ~own), (right, own & (ids != image.id))):
                if allowed.any():
                    found[start + row] = int(np.where(allowed, near[row], -np.inf).argmax())
    return wrong, right


def _nearness(retriever: Retriever, queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> NDArray[Any]:
    """Return (Q, G) numbers that rise with nearness."""
    import torch

    if isinstance(retriever.space, Hyperbolic):
        return -distances(torch.from_numpy(queries), torch.from_numpy(gallery), retriever.space.c).numpy()
    return np.asarray(queries @ gallery.T)
