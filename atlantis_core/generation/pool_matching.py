"""Match images of an unlabelled pool to the cells of a protocol, in the incumbent's embedding space.

The target of a cell is the mean embedding of its training images. For a cell without any, it is the centre of the
class moved by the shift that the condition causes in other classes. An image matches a cell only if no other target
is nearer: no other class under the condition, and not the class without the condition. A cell may therefore get
fewer images than it wants: on harbor, filling up with the next best made two thirds of the images wrong
(docs/results.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.records import Cell, CellRequest, LabelledImage


_NO_MATCH = -np.inf


@dataclass(frozen=True, slots=True)
class PoolMatch:
    """A pool image chosen for a cell."""

    cell: Cell
    row: int
    """Row of the pool."""
    score: float
    """Cosine similarity to the cell's target; higher is better."""


def match_pool(
    wanted: Sequence[CellRequest],
    pool: NDArray[np.float32],
    train: Sequence[LabelledImage],
    embeddings: NDArray[np.float32],
) -> list[PoolMatch]:
    """Choose pool images for cells, each image at most once, best matches first.

    Args:
        wanted: Cells and how many images each wants; it may get fewer.
        pool: Unit vectors of the pool, (P, D).
        train: N training images.
        embeddings: Their unit vectors, (N, D).

    Returns:
        The matches, cell by cell in the order of `wanted`, best first.
    """
    scores = {request.cell: _score_pool(request.cell, pool, train, embeddings) for request in wanted}
    left = {request.cell: request.count for request in wanted}
    offers = sorted(
        (
            (float(score), cell, row)
            for cell, found in scores.items()
            for row, score in enumerate(found)
            if score > _NO_MATCH
        ),
        key=lambda offer: (-offer[0], offer[2], offer[1].class_name),
    )
    taken: set[int] = set()
    chosen: list[PoolMatch] = []
    for score, cell, row in offers:
        if left[cell] and row not in taken:
            taken.add(row)
            left[cell] -= 1
            chosen.append(PoolMatch(cell, row, score))
    order = {request.cell: index for index, request in enumerate(wanted)}
    return sorted(chosen, key=lambda found: (order[found.cell], -found.score, found.row))


def _score_pool(
    cell: Cell, pool: NDArray[np.float32], train: Sequence[LabelledImage], embeddings: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return each pool image's similarity to a cell's target, (P,); `_NO_MATCH` if another target is nearer."""
    labels = np.array([image.label for image in train])
    shows = np.array([bool(cell.facet) and image.facets.get(cell.facet) == cell.value for image in train])
    classes = sorted(set(labels.tolist()))
    centres = np.stack([embeddings[labels == name].mean(axis=0) for name in classes])
    shift = _condition_shift(classes, labels, shows, embeddings)
    targets = centres + shift
    own = classes.index(cell.class_name)
    inside = (labels == cell.class_name) & shows
    if inside.any():
        targets[own] = embeddings[inside].mean(axis=0)
    targets = _normalise(targets)
    similar = pool @ targets.T
    rivals = [np.delete(targets, own, axis=0)]
    elsewhere = (labels == cell.class_name) & ~shows
    if cell.facet and elsewhere.any():
        rivals.append(embeddings[elsewhere].mean(axis=0, keepdims=True))
    fit = similar[:, own]
    return np.where(fit > (pool @ _normalise(np.concatenate(rivals)).T).max(axis=1, initial=-1), fit, _NO_MATCH)


def _normalise(points: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True).clip(min=1e-9), np.float32)


def _condition_shift(
    classes: Sequence[str], labels: NDArray[np.str_], shows: NDArray[np.bool_], embeddings: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the shift that a condition causes, (D,): the median over classes with images on both sides of it."""
    moved = [
        embeddings[(labels == name) & shows].mean(axis=0) - embeddings[(labels == name) & ~shows].mean(axis=0)
        for name in classes
        if ((labels == name) & shows).any() and ((labels == name) & ~shows).any()
    ]
    return np.median(moved, axis=0).astype(np.float32) if moved else np.zeros(embeddings.shape[1], np.float32)
