"""Classes against classes: how near they lie, which is taken for which, and an order that puts likes side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROWS = 512  # rows of nearness held at once


def compute_similarity(
    nearness: Callable[[slice], NDArray[np.float64]], labels: NDArray[np.int64], classes: int
) -> NDArray[np.float64]:
    """Return the mean nearness (C, C) of the images of one class to those of another.

    On the diagonal stand pairs of two images of the class; without such a pair it is nan. It is symmetric if
    `nearness` is.

    Args:
        nearness: Rows -> (r, N) numbers that rise with nearness, or their negatives: they are only averaged.
        labels: (N,) class numbers 0..C-1.
        classes: C.
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
    """Return which share (C, C) of a class's queries is first answered by an image of another class.

    Rows are asked, columns answered; a row adds up to 1, less what is answered by classes that are not in `names`.
    A class that does not ask has a row of nan.

    Args:
        labels: Class of each query, Q.
        answers: Class of its first answer, Q.
        names: The classes of the matrix, C.
    """
    number = {name: index for index, name in enumerate(names)}
    shares = np.zeros((len(names), len(names)))
    asked = np.zeros(len(names))
    for label, answer in zip(labels, answers, strict=True):
        if label in number:
            asked[number[label]] += 1
            if answer in number:
                shares[number[label], number[answer]] += 1
    return np.divide(shares, asked[:, None], out=np.full_like(shares, np.nan), where=asked[:, None] > 0)


def order_by_similarity(nearness: NDArray[np.float64]) -> list[int]:
    """Return an order of the classes, C numbers, in which near classes stand side by side.

    Average linkage, its leaves turned so that neighbours are as near as they can be (Bar-Joseph et al.,
    Bioinformatics 17, 2001).

    Args:
        nearness: (C, C), higher is nearer; both directions are averaged, nan counts as the farthest.
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
    apart = both.max() - both
    np.fill_diagonal(apart, 0)
    order: list[int] = leaves_list(
        linkage(squareform(apart, checks=False), "average", optimal_ordering=True)
    ).tolist()
    return order
