"""Which images of an unlabelled pool look most like the cells of a protocol, to the incumbent's eyes.

A cell is where its training images lie or, where it has none, where its class would lie under its condition: the
class's centre moved by what the condition does to the other classes. An image is taken for the cell whose place is
nearest to it: one that is nearer to another class under that condition, or to the class without the condition, is
not taken, however few are left then. On harbor, filling up with the next best made two thirds of the images wrong
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
    """One pool image for one cell."""

    cell: Cell
    row: int
    """Of the pool."""
    score: float
    """Cosine similarity to the cell's place; higher is better."""


def match_pool(
    wanted: Sequence[CellRequest],
    pool: NDArray[np.float32],
    train: Sequence[LabelledImage],
    embeddings: NDArray[np.float32],
) -> list[PoolMatch]:
    """Choose pool images for cells, each at most once, the best matches first come first served.

    Args:
        wanted: Cells and how many images each is to get; fewer are returned where the pool is small.
        pool: Unit vectors of the pool, (P, D).
        train: Training images, N.
        embeddings: Their unit vectors, (N, D).

    Returns:
        The choices, cell by cell in the order of `wanted`, each cell's best first.
    """
    scores = {request.cell: _score_pool(request.cell, pool, train, embeddings) for request in wanted}
    open_places = {request.cell: request.count for request in wanted}
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
        if open_places[cell] and row not in taken:
            taken.add(row)
            open_places[cell] -= 1
            chosen.append(PoolMatch(cell, row, score))
    order = {request.cell: place for place, request in enumerate(wanted)}
    return sorted(chosen, key=lambda found: (order[found.cell], -found.score, found.row))


def _score_pool(
    cell: Cell, pool: NDArray[np.float32], train: Sequence[LabelledImage], embeddings: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return how well each pool image (P,) fits a cell; `_NO_MATCH` where it is nearer to another place."""
    labels = np.array([image.label for image in train])
    shows = np.array([bool(cell.facet) and image.facets.get(cell.facet) == cell.value for image in train])
    classes = sorted(set(labels.tolist()))
    centres = np.stack([embeddings[labels == name].mean(axis=0) for name in classes])
    shift = _condition_shift(classes, labels, shows, embeddings)
    places = centres + shift
    own = classes.index(cell.class_name)
    inside = (labels == cell.class_name) & shows
    if inside.any():
        places[own] = embeddings[inside].mean(axis=0)
    places = _normalise(places)
    similar = pool @ places.T
    rivals = [np.delete(places, own, axis=0)]
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
    """Return what a condition does to a class: the median over those classes that have images with and without it."""
    moved = [
        embeddings[(labels == name) & shows].mean(axis=0) - embeddings[(labels == name) & ~shows].mean(axis=0)
        for name in classes
        if ((labels == name) & shows).any() and ((labels == name) & ~shows).any()
    ]
    return np.median(moved, axis=0).astype(np.float32) if moved else np.zeros(embeddings.shape[1], np.float32)
