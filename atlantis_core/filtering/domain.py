"""Scoring edits in their own domain.

Candidates are made for conditions in which the incumbent embeds badly. Measured against centres of the other
conditions, all of them look like outliers, the useful ones most. So the part of the displacement that all classes
of one condition share is taken out first: it says how the model sees night, not whether this is still a tug.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from atlantis_core.filtering.centres import ClassCentres

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_CLASSES = 4
"""A shift common to fewer classes than this cannot be told from the classes' own displacement."""


def remove_domain_shift(
    embeddings: NDArray[np.float32],
    labels: NDArray[np.int64],
    domains: Sequence[Hashable],
    centres: ClassCentres,
) -> NDArray[np.float32]:
    """Subtract from each domain the usual displacement of its classes from their real centres.

    This aligns the location of the two domains (what CORAL, Sun et al. 2016, does for second moments). It is the
    coordinate-wise median over classes of each class's mean, so that neither the mix of classes nor a class full of
    bad images moves it. A domain with fewer than `MIN_CLASSES` classes stays as it is.

    Args:
        embeddings: Of candidates, (M, D).
        labels: Their claimed labels, (M,).
        domains: What each candidate shows, e.g. its facet and value, M of them.
        centres: Of the real images.

    Returns:
        Shifted embeddings (M, D); rows of length 1 have length 1 again.

    Raises:
        ToolError: A label that no real image has.
    """
    import numpy as np

    away = embeddings - centres.points[centres.rows(labels)]
    out = embeddings.astype(np.float32)
    members: dict[Hashable, list[int]] = {}
    for row, domain in enumerate(domains):
        members.setdefault(domain, []).append(row)
    for rows in members.values():
        classes = np.unique(labels[rows])
        if len(classes) < MIN_CLASSES:
            continue
        of_class = [away[rows][labels[rows] == label].mean(axis=0) for label in classes]
        shift = np.median(of_class, axis=0)
        out[rows] = _restore_unit_length(embeddings[rows] - shift, embeddings[rows])
    return out


def _restore_unit_length(shifted: NDArray[np.float64], before: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    unit = np.isclose(np.linalg.norm(before, axis=1), 1, atol=1e-3)
    lengths = np.linalg.norm(shifted, axis=1)
    lengths[~unit | (lengths < 1e-9)] = 1.0
    return np.asarray(shifted / lengths[:, None], dtype=np.float32)
