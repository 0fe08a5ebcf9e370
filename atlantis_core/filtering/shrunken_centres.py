"""Class centres and spreads from few real images: shrunken means, and a pooled covariance that can be inverted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from atlantis_core.filtering.centres import ClassCentres
from atlantis_core.filtering.domain import MIN_CLASSES

if TYPE_CHECKING:
    from numpy.typing import NDArray

_POWER = 0.25
"""Halfway between plain Euclidean distance (0) and Mahalanobis distance (0.5)."""


def shrink_centres(
    embeddings: NDArray[np.float64],
    labels: NDArray[np.int64],
    synthetic: NDArray[np.float64],
    synthetic_labels: NDArray[np.int64],
) -> ClassCentres:
    """Estimate the class centres of real images, with the synthetic images of a class as the prior of its centre.

    Empirical Bayes (Efron and Morris 1975, section 2, with a prior mean for each class): the real mean of k images
    has the error variance s2 / k; around the mean of its synthetic images, moved by the shift that all classes share,
    the true centre varies by t2. So the real mean weighs t2 / (t2 + s2 / k): little for two images, nearly all for
    forty. Both variances are pooled over all classes. With fewer than `MIN_CLASSES` classes that have synthetic
    images the shift cannot be told apart from a class's own, and the real means are returned.

    Args:
        embeddings: Of real images, (N, D).
        labels: Their classes, (N,).
        synthetic: Embeddings of synthetic images, (M, D).
        synthetic_labels: Their classes, all of them among `labels`, (M,).
    """
    real, made = ClassCentres.of(embeddings, labels), synthetic_labels
    if len(np.unique(made)) < MIN_CLASSES:
        return real
    prior = ClassCentres.of(synthetic, made)
    rows, counts = real.rows(prior.labels), np.bincount(real.rows(labels)).astype(np.float64)
    means, counts = real.points[rows], counts[rows]
    made_variance = _pool_variance(synthetic, made, prior)
    variance = _pool_variance(embeddings, labels, real) or made_variance
    offsets = means - prior.points
    shift = np.median(offsets, axis=0)
    noise = variance / counts + made_variance / np.bincount(prior.rows(made))
    between = max(0.0, float((((offsets - shift) ** 2).sum(axis=1) - noise).mean()))
    weight = between / np.maximum(between + variance / counts, 1e-12)
    points = real.points.copy()
    points[rows] = weight[:, None] * means + (1 - weight[:, None]) * (prior.points + shift)
    return ClassCentres(real.labels, points)


def equalise_spread(embeddings: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return a matrix (D, D) that shrinks directions in which images of one class differ much.

    It is the pooled within-class covariance to the power of -1/4, in its eigenvectors. The covariance is shrunk
    towards a sphere by the formula of Ledoit and Wolf (2004, section 3.3), since few images cannot determine it.
    Embeddings are (N, D), labels (N,). Without two images in any class it is the identity.
    """
    from sklearn.covariance import ledoit_wolf

    centres = ClassCentres.of(embeddings, labels)
    residuals = embeddings - centres.points[centres.rows(labels)]
    free = len(labels) - len(centres.labels)
    if free < 1 or not residuals.any():
        return np.eye(embeddings.shape[1])
    covariance, _ = ledoit_wolf(residuals * np.sqrt(len(labels) / free), assume_centered=True)
    values, vectors = np.linalg.eigh(covariance)
    scaled: NDArray[np.float64] = vectors / np.maximum(values, values.max() * 1e-9) ** _POWER
    return scaled


def _pool_variance(embeddings: NDArray[np.float64], labels: NDArray[np.int64], centres: ClassCentres) -> float:
    """Return the variance of images around the centre of their class, summed over dimensions; 0 if unknown."""
    free = len(labels) - len(centres.labels)
    return float((centres.distances_to_own(embeddings, labels) ** 2).sum()) / free if free else 0.0
