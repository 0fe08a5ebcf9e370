"""Labels spread from the gallery over unlabelled photos, which are then found beside the gallery's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.serving.interface import (
    NO_CLASS,
    Photos,
    ServedGallery,
    check_count,
    join_entries,
    photo_entries,
)
from atlantis_core.learning.serving.neighbours import nearest_entries

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

_ALPHA, _POWER = 0.99, 3
"""How much of a label comes from neighbours, and the power of the cosine that is an edge's weight: Iscen et al.
("Label Propagation for Deep Semi-supervised Learning", CVPR 2019, sections 3.2 and 4.1)."""
_TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class Spread:
    """Label spreading over a graph of neighbours (Zhou et al., NeurIPS 2003, section 2), classes weighing the same.

    Every class gives and gets the same total (class mass normalisation, Zhu et al., "Semi-Supervised Learning Using
    Gaussian Fields", ICML 2003, section 4): else classes of many photos take the neighbours of classes of few.
    """

    order: ClassVar[int] = 20
    needs_reference: ClassVar[bool] = True

    k: int = 5
    """Neighbours of a photo in the graph."""
    share: float = 0.5
    """Share of the unlabelled photos that are used: those whose label is surest. In cross-validation the least share
    within one standard error of the best (docs/results.md)."""

    def __post_init__(self) -> None:
        check_count("serving 'spread': k", self.k, 1000)
        if not 0 < self.share <= 1:
            raise SetupError(f"serving 'spread': share is above 0 and at most 1, not {self.share!r}")

    def fit(self, served: ServedGallery) -> ServedGallery:
        """Return the gallery with the surest unlabelled photos beside its own.

        Raises:
            SetupError: No reference photo is unlabelled.
        """
        rows = np.flatnonzero(served.reference.labels == NO_CLASS)
        if not len(rows):
            raise SetupError(
                "serving 'spread' needs unlabelled photos, and training photos all have labels; name a folder of "
                "unlabelled photos (--pool FOLDER)"
            )
        pool = served.reference.vectors[rows]
        labels, sureness = spread_labels(served.gallery, pool, self.k)
        kept = np.argsort(-sureness, kind="stable")[: max(1, round(self.share * len(rows)))]
        found = photo_entries(Photos(pool[kept], labels[kept]))
        found = replace(found, photos=np.full(len(kept), -1))
        return replace(served, entries=join_entries(served.entries, found), labels_spread=True)


def spread_labels(
    gallery: Photos, pool: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the class of every unlabelled photo (P, D), (P,), and its share among all classes, (P,), 1 is surest."""
    from scipy.sparse import eye_array
    from scipy.sparse.linalg import cg

    vectors = np.concatenate([gallery.vectors, pool])
    system = eye_array(len(vectors)) - _ALPHA * _normalised_graph(vectors, k)
    first = len(gallery)
    labels = np.full(len(pool), NO_CLASS)
    best, total = np.zeros(len(pool)), np.zeros(len(pool))
    for label in np.unique(gallery.labels):
        source = np.concatenate([gallery.labels == label, np.zeros(len(pool), bool)]).astype(np.float64)
        spread = np.maximum(cg(system, source / source.sum(), rtol=_TOLERANCE)[0], 0)
        mass = spread[first:] / max(spread.sum(), np.finfo(np.float64).tiny)
        better = mass > best
        labels[better], best[better] = label, mass[better]
        total += mass
    reached = total > 0
    nearest = nearest_entries(pool[~reached], photo_entries(gallery), 1)[0][:, 0]
    labels[~reached] = gallery.labels[nearest]  # of a part of the graph without a gallery photo
    return labels, np.where(reached, best / np.where(reached, total, 1), 0)


def _normalised_graph(vectors: NDArray[np.float32], k: int) -> csr_array:
    """Return D^-1/2 W D^-1/2 (N, N) of the symmetric graph W of k nearest neighbours."""
    from scipy.sparse import csr_array, diags_array

    count = len(vectors)
    nodes = photo_entries(Photos(vectors, np.full(count, NO_CLASS)))
    columns, cosines = nearest_entries(vectors, nodes, min(k, count - 1), np.arange(count))
    weights = np.maximum(cosines, 0).astype(np.float64) ** _POWER
    rows = np.repeat(np.arange(count), columns.shape[1])
    graph = csr_array((weights.ravel(), (rows, columns.ravel())), shape=(count, count))
    graph = graph.maximum(graph.T)
    degree: NDArray[np.float64] = graph.sum(axis=1)
    root = diags_array(1 / np.sqrt(np.where(degree > 0, degree, 1)))
    return (root @ graph @ root).tocsr()
