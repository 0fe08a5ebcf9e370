"""Class by class matrices: mean similarity, confusion, and an order that puts similar classes side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROWS = 512  # rows of nearness in memory at once


def compute_similarity(
    nearness: Callable[[slice], NDArray[np.float64]], labels: NDArray[np.int64], classes: int
) -> NDArray[np.float64]:
    """Return the mean nearness (C, C) of the images of one class to those of another.

    The diagonal averages pairs of different images of one class; it is nan for a class with one image. The matrix is
    symmetric if `nearness` is.

    `nearness` maps rows to the (r, N) values that are averaged, such as similarities or negative distances; `labels`
    (N,) are class numbers 0..C-1.
    """
    member = np.zeros((len(labels), classes))
    member[np.arange(len(labels)), labels] = 1
    total = np.zeros((classes, classes))
    for start in range(0, len(labels), _ROWS):
        rows = slice(start, min(start + _ROWS, len(labels)))
        near = np.array(nearness(rows), dtype=np.float64)
        near[np.arange(len(near)), np.arange(rows.start, rows.stop)] = 0  # no image is a pair with itself
        total += member[rows].T @ (near @ member)
    size = member.sum(axis=0)
    pairs = np.outer(size, size) - np.diag(size)
    means: NDArray[np.float64] = np.divide(total, pairs, out=np.full_like(total, np.nan), where=pairs > 0)
    return means


def compute_confusion(labels: Sequence[str], answers: Sequence[str], names: Sequence[str]) -> NDArray[np.float64]:
    """Return the share (C, C) of each class's queries whose top-1 image is of each class.

    Rows are query classes, columns the classes of top-1 images. A row adds up to 1 minus the share of classes that
    are not in `names`; the row of a class without queries is nan. `labels` and `answers` (Q,) are the classes of each
    query and of its top-1 image.
    """
    number = {name: index for index, name in enumerate(names)}
    shares = np.zeros((len(names), len(names)))
    queries = np.zeros(len(names))
    for label, answer in zip(labels, answers, strict=True):
        if label in number:
            queries[number[label]] += 1
            if answer in number:
                shares[number[label], number[answer]] += 1
    return np.divide(shares, queries[:, None], out=np.full_like(shares, np.nan), where=queries[:, None] > 0)


def order_by_similarity(nearness: NDArray[np.float64]) -> list[int]:
    """Return an order (C,) of the classes that puts similar ones side by side.

    The leaves of an average linkage, in optimal order (Bar-Joseph et al., Bioinformatics 17, 2001). In `nearness`
    (C, C), higher is nearer; both directions are averaged, and nan counts as the farthest.
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    classes = len(nearness)
    if classes < 3:
        return list(range(classes))
    known = nearness[np.isfinite(nearness)]
    filled = np.where(np.isfinite(nearness), nearness, known.min() if len(known) else 0)
    both = (filled + filled.T) / 2
    np.fill_diagonal(both, -np.inf)
    distances = both.max() - both
    np.fill_diagonal(distances, 0)
    tree = linkage(squareform(distances, checks=False), "average", optimal_ordering=True)
    order: list[int] = leaves_list(tree).tolist()
    return order
