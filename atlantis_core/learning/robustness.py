"""Measure Recall@K under attack: the attacker changes the queries and knows the model and the gallery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.base.serialization import as_json
from atlantis_core.data.tasks import RetrievalTask
from atlantis_core.learning.attacks import Attack, attack_all
from atlantis_core.learning.evaluation import embed_task, measure_embeddings
from atlantis_core.metrics.measurement import RECALL_AT
from atlantis_core.records import Measurement

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.learning.inputs.activation_cache import ActivationCache
    from atlantis_core.learning.models.heads import Head
    from atlantis_core.learning.retriever import Retriever
    from atlantis_core.metrics.outcomes import QueryOutcomes

_BATCH = 256

Aim = Literal["wrong", "away"]
"""`wrong`: towards the nearest negative and away from the nearest positive; `away`: untargeted, away from the query's
own clean embedding."""


@dataclass(frozen=True, slots=True)
class Robustness:
    """A model's metrics with and without an attack, on the same queries."""

    clean: Measurement
    robust: Measurement
    attack: Attack
    flipped: float | None
    """Share of the queries whose top-1 is a positive without the attack, and a negative with it; None without any."""
    aim: str = "wrong"

    def facts(self) -> dict[str, Any]:
        """Return the attacked metrics, by class and facet value too, with the clean ones in `clean`; JSON-able."""
        attack = self.attack.facts()
        return {
            **_main_metrics(self.robust),
            "per_class": as_json(self.robust.per_class),
            "per_facet": as_json(self.robust.per_facet),
            "clean": _main_metrics(self.clean),
            "attack": attack.pop("method"),
            **attack,
            "aim": self.aim,
            "flipped": self.flipped,
        }


def _main_metrics(measured: Measurement) -> dict[str, Any]:
    recalls = {f"{k}": value for k, value in measured.recall_at.items()}
    return {"recall_at": recalls} | dict(measured.scores)


def measure_robustness(
    retriever: Retriever,
    task: RetrievalTask,
    attack: Attack,
    progress: Progress = no_progress,
    at: Sequence[int] = RECALL_AT,
    aim: str = "wrong",
    embeddings: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
) -> Robustness:
    """Measure a retriever on a task whose queries are attacked; the gallery stays clean.

    Neighbours are taken in the retriever's own embedding space. A query without a positive is not attacked, since it
    counts in no metric. `embeddings` are the clean queries (Q, D) and gallery (G, D), if already computed.

    Raises:
        SetupError: Unknown aim, or one that the attack cannot have; an image cannot be read.
    """
    check_aim(aim, attack)
    clean = embeddings or embed_task(retriever, task, progress=progress)
    attacked = embed_attacked(retriever, task, attack, clean, aim, progress)
    return compare_attacked(retriever.space, task, clean, attacked, attack, aim, at)


def measure_attacked(
    retriever: Retriever,
    task: RetrievalTask,
    attack: Attack,
    cache: ActivationCache | None = None,
    progress: Progress = no_progress,
) -> tuple[Measurement, QueryOutcomes]:
    """Return the metrics of a retriever on a task whose queries are attacked, and the outcome of every query.

    Raises:
        SetupError: An image cannot be read.
    """
    clean = embed_task(retriever, task, cache, progress)
    attacked = embed_attacked(retriever, task, attack, clean, progress=progress)
    return measure_embeddings(retriever.space, task, attacked, clean[1])


def embed_attacked(
    retriever: Retriever,
    task: RetrievalTask,
    attack: Attack,
    embeddings: tuple[NDArray[np.float32], NDArray[np.float32]],
    aim: str = "wrong",
    progress: Progress = no_progress,
) -> NDArray[np.float32]:
    """Return the embeddings (Q, D) of attacked queries, given those of the clean queries (Q, D) and gallery (G, D).

    Raises:
        SetupError: An image cannot be read.
    """
    from PIL import Image

    queries, gallery = embeddings
    negatives, positives = find_nearest_rows(retriever.space, task, queries, gallery)
    rows = np.flatnonzero((negatives >= 0) & (positives >= 0))
    towards, away = (gallery[negatives[rows]], gallery[positives[rows]]) if aim == "wrong" else (None, queries[rows])
    attacked = queries.copy()
    images = [task.queries[row] for row in rows]
    paths, ids = [image.path for image in images], [image.id for image in images]
    changed = attack_all(retriever, paths, ids, towards, away, attack, progress)
    embedded = [retriever.embed([])]
    while batch := list(islice(changed, _BATCH)):
        embedded.append(retriever.embed_inputs([Image.fromarray(pixels) for pixels in batch]))
    attacked[rows] = np.concatenate(embedded)
    return attacked


def compare_attacked(
    space: Head,
    task: RetrievalTask,
    embeddings: tuple[NDArray[np.float32], NDArray[np.float32]],
    attacked: NDArray[np.float32],
    attack: Attack,
    aim: str,
    at: Sequence[int] = RECALL_AT,
) -> Robustness:
    """Measure queries (Q, D) before and after an attack; `embeddings` are clean queries and gallery (G, D)."""
    queries, gallery = embeddings
    clean, before = measure_embeddings(space, task, queries, gallery, at)
    robust, after = measure_embeddings(space, task, attacked, gallery, at)
    flipped = float(np.mean(before.hit & ~after.hit)) if len(before.hit) else None
    return Robustness(clean, robust, attack, flipped, aim)


def check_aim(aim: str, attack: Attack) -> None:
    """Check that an aim exists and that the attack can have it.

    Raises:
        SetupError: It does not, or cannot.
    """
    if aim not in get_args(Aim):
        raise SetupError(f"unknown attack aim {aim!r}; known: {', '.join(get_args(Aim))}")
    if aim == "away" and (attack.method == "fgsm" or not attack.random_start):
        raise SetupError(
            "attack aim 'away' needs pgd with its random start, since at the image itself the gradient is 0; "
            "choose pgd, or the aim 'wrong'"
        )


def find_nearest_rows(
    space: Head, task: RetrievalTask, queries: NDArray[np.float32], gallery: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the gallery rows of each query's nearest negative and nearest positive, each (Q,); -1 for none."""
    import torch

    gallery_embeddings = torch.from_numpy(gallery)
    labels, ids = (np.array([getattr(i, name) for i in task.gallery]) for name in ("label", "id"))
    negatives, positives = (np.full(len(queries), -1, dtype=np.int64) for _ in range(2))
    for start in range(0, len(queries), _BATCH):
        near = space.nearness(torch.from_numpy(queries[start : start + _BATCH]), gallery_embeddings).numpy()
        for row, image in enumerate(task.queries[start : start + _BATCH]):
            own = labels == image.label
            for found, allowed in ((negatives, ~own), (positives, own & (ids != image.id))):
                if allowed.any():
                    found[start + row] = int(np.where(allowed, near[row], -np.inf).argmax())
    return negatives, positives
