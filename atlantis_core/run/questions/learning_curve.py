"""Would more images help: Recall@1 of a backbone that was not trained here, as its gallery grows.

The gallery is thinned out class by class, and the last doubling is the forecast: another one, of images like those
that are there, gains about as much or less. A trained model would flatter the full gallery, as it was trained on it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from atlantis_core.run.questions.subjects import EmbeddedTask, select_queries

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.run.session import Session

SHARES = (0.125, 0.25, 0.5, 1.0)
DRAWS = 5
LEAST_QUERIES = 30
HELPS = 0.02
"""Gain in Recall@1 by the last doubling from which more images are said to help."""


def answer(session: Session, model: str, subject: str) -> tuple[str, Any]:
    """Answer for all queries, or for those of a class or of `facet=value`."""
    del model  # see above
    from atlantis_core.learning.retriever import frozen_retriever

    queries, name = select_queries(session, subject)
    recipe = session.recipe
    embedded = EmbeddedTask(session, frozen_retriever(session.backbone, recipe.trainable_fraction, recipe.side_px))
    labels = [image.label for image in embedded.task.gallery]
    figures = []
    for part in SHARES:
        draws = 1 if part == 1 else DRAWS
        masks = (thin_out(labels, part, np.random.default_rng([session.spec.seed, draw])) for draw in range(draws))
        found = [embedded.measure_all(queries, mask) for mask in masks]
        figures.append({"share": part, "recall_at_1": float(np.mean(found)), "sd": float(np.std(found))})
    doubling = figures[-1]["recall_at_1"] - figures[-2]["recall_at_1"]
    curve = ", ".join(f"{one['share']:.0%} {one['recall_at_1']:.3f}" for one in figures)
    verdict = _judge(len(queries), doubling, figures[-1]["recall_at_1"] - figures[0]["recall_at_1"])
    share = f"share of the gallery (frozen backbone, mean of {DRAWS} draws)"
    text = (
        f"R@1 of {len(queries)} queries{name} by {share}: {curve}; the last doubling gave {doubling:+.3f}: {verdict}"
    )
    return text, figures


def _judge(num_queries: int, doubling: float, rise: float) -> str:
    """Say what a curve means; of a few queries its steps are those of single queries."""
    if num_queries < LEAST_QUERIES:
        return f"{num_queries} queries are too few to tell"
    helps = doubling >= HELPS and rise >= HELPS
    return "more images of the same kind are likely to help" if helps else "the curve is nearly flat"


def thin_out(labels: list[str], share: float, draws: np.random.Generator) -> NDArray[np.bool_]:
    """Return which images (G,) stay when each class keeps a share of its images, rounded up to at least one."""
    places = defaultdict(list)
    for place, label in enumerate(labels):
        places[label].append(place)
    mask = np.zeros(len(labels), np.bool_)
    for own in places.values():
        mask[draws.permutation(own)[: max(1, round(share * len(own)))]] = True
    return mask
