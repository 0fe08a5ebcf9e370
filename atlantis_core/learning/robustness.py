"""Recall under attack: the queries are changed by someone who knows the model and the gallery."""

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
from atlantis_core.records import LabelledImage, Measurement

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.learning.models.heads import Head
    from atlantis_core.learning.retriever import Retriever

_ROWS = 256

Aim = Literal["wrong", "away"]
"""`wrong`: towards the nearest image of another class and away from the nearest of the own; `away`: untargeted, away
from where the query stands."""


@dataclass(frozen=True, slots=True)
class Robustness:
    """A model's figures with and without attack, on the same queries."""

    clean: Measurement
    robust: Measurement
    attack: Attack
    flipped: float
    """Share of the queries that were answered rightly and no longer are."""
    aim: str = "wrong"

    def facts(self) -> dict[str, Any]:
        """Return the attacked side as plain data, by class and facet value too, and the clean one below `clean`."""
        how = self.attack.facts()
        return {
            **_main_metrics(self.robust),
            "per_class": as_json(self.robust.per_class),
            "per_facet": as_json(self.robust.per_facet),
            "clean": _main_metrics(self.clean),
            "attack": how.pop("method"),
            **how,
            "aim": self.aim,
            "flipped": self.flipped,
        }


def _main_metrics(measured: Measurement) -> dict[str, Any]:
    recalls = {f"{k}": value for k, value in measured.recall_at.items()}
    return {"recall_at": recalls, "map_at_r": measured.map_at_r, "r_precision": measured.r_precision}


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

    Every query is pushed towards the nearest gallery image of another class and away from the nearest of its own
    (that of itself excepted), in the retriever's own space; with the aim `away` it is only pushed away from its own
    clean embedding. A query without a partner is not attacked: it counts in no figure.

    Args:
        retriever: What is attacked, with full knowledge of it.
        task: Queries and gallery.
        attack: Method and strength.
        progress: Told of embedded and attacked pictures.
        at: The K of Recall@K.
        aim: Where queries are pushed, see `Aim`.
        embeddings: Clean queries (Q, D) and gallery (G, D), where they are there already.

    Raises:
        SetupError: An aim that is none or that the attack cannot have; an image that cannot be read.
    """
    check_aim(aim, attack)
    queries, gallery = embeddings or embed_task(retriever, task, progress=progress)
    wrong, right = find_nearest_rows(retriever.space, task, queries, gallery)
    rows = np.flatnonzero((wrong >= 0) & (right >= 0))
    towards, away = (gallery[wrong[rows]], gallery[right[rows]]) if aim == "wrong" else (None, queries[rows])
    attacked = queries.copy()
    attacked[rows] = _embed_attacked(retriever, [task.queries[row] for row in rows], towards, away, attack, progress)
    return compare_attacked(retriever.space, task, (queries, gallery), attacked, attack, aim, at)


def compare_attacked(
    space: Head,
    task: RetrievalTask,
    embeddings: tuple[NDArray[np.float32], NDArray[np.float32]],
    attacked: NDArray[np.float32],
    attack: Attack,
    aim: str,
    at: Sequence[int] = RECALL_AT,
) -> Robustness:
    """Measure queries before and after an attack.

    Args:
        space: Where embeddings live.
        task: Queries and gallery.
        embeddings: Clean queries (Q, D) and gallery (G, D).
        attacked: The queries after the attack, (Q, D).
        attack: Method and strength.
        aim: Where queries were pushed.
        at: The K of Recall@K.
    """
    queries, gallery = embeddings
    clean, before = measure_embeddings(space, task, queries, gallery, at)
    robust, after = measure_embeddings(space, task, attacked, gallery, at)
    flipped = float(np.mean(before.hit & ~after.hit)) if len(before.hit) else 0.0
    return Robustness(clean, robust, attack, flipped, aim)


def check_aim(aim: str, attack: Attack) -> None:
    """Refuse an aim that is none, or that an attack cannot have.

    Raises:
        SetupError: It is so.
    """
    if aim not in get_args(Aim):
        raise SetupError(f"unknown aim {aim!r} of an attack; known: {', '.join(get_args(Aim))}")
    if aim == "away" and (attack.method == "fgsm" or not attack.random_start):
        raise SetupError(
            "the aim 'away' needs pgd with its random start: at the picture itself the gradient of its distance to "
            "itself is 0"
        )


def _embed_attacked(
    retriever: Retriever,
    asked: Sequence[LabelledImage],
    towards: NDArray[np.float32] | None,
    away: NDArray[np.float32] | None,
    attack: Attack,
    progress: Progress,
) -> NDArray[np.float32]:
    """Return the embeddings (Q, D) of queries after the attack."""
    from PIL import Image

    paths, ids = [image.path for image in asked], [image.id for image in asked]
    changed = attack_all(retriever, paths, ids, towards, away, attack, progress)
    embeddings = [retriever.embed([])]
    while some := list(islice(changed, _ROWS)):
        embeddings.append(retriever.embed_inputs([Image.fromarray(picture) for picture in some]))
    return np.concatenate(embeddings)


def find_nearest_rows(
    space: Head, task: RetrievalTask, queries: NDArray[np.float32], gallery: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the nearest gallery row of another class and of the own class for each query; -1 for none."""
    import torch

    searched = torch.from_numpy(gallery)
    labels, ids = (np.array([getattr(i, name) for i in task.gallery]) for name in ("label", "id"))
    wrong, right = (np.full(len(queries), -1, dtype=np.int64) for _ in range(2))
    for start in range(0, len(queries), _ROWS):
        near = space.nearness(torch.from_numpy(queries[start : start + _ROWS]), searched).numpy()
        for row, image in enumerate(task.queries[start : start + _ROWS]):
            own = labels == image.label
            for found, allowed in ((wrong, ~own), (right, own & (ids != image.id))):
                if allowed.any():
                    found[start + row] = int(np.where(allowed, near[row], -np.inf).argmax())
    return wrong, right
