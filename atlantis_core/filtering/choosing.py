"""Which of a set of synthetic images a scorer keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.base.ports import OutlierScorer, SetChoice, SetScorer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def choose_images(
    scorer: OutlierScorer,
    embeddings: NDArray[np.float32],
    labels: NDArray[np.int64],
    threshold: float | None = None,
) -> SetChoice:
    """Judge (M, D) embeddings under their claimed labels (M,) with a fitted scorer.

    A scorer that can judges them as a set, unless a threshold is given; others reject above their own threshold.
    """
    if threshold is None and isinstance(scorer, SetScorer):
        return scorer.choose(embeddings, labels)
    return cut_scores(scorer.score(embeddings, labels), scorer.threshold if threshold is None else threshold)


def cut_scores(scores: NDArray[np.float64], threshold: float) -> SetChoice:
    """Keep the scores up to a threshold."""
    return SetChoice(scores, threshold, scores <= threshold, {}, "")
