"""Remove the domain shift of a condition before scoring.

Candidates show conditions that the incumbent embeds badly. Compared with centres of the other conditions, all of
them look like outliers, the useful ones most. So the shift that all classes of a condition share is subtracted first:
it says how the model embeds night, not whether an image still shows a tug.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from atlantis_core.filtering.centres import ClassCentres

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_CLASSES = 4
"""With fewer classes a common shift cannot be separated from the shifts of single classes."""


def remove_domain_shift(
    embeddings: NDArray[np.float32],
    labels: NDArray[np.int64],
    domains: Sequence[Hashable],
    centres: ClassCentres,
) -> NDArray[np.float32]:
    """Subtract from each domain the common shift of its classes from their real centres.

    This aligns the means of the domains (CORAL, Sun et al. 2016, aligns second moments). The shift is the
    coordinate-wise median over the classes' mean shifts, so that neither the mix of classes nor a class of bad images
    affects it. A domain with fewer than `MIN_CLASSES` classes is not changed.

    Args:
        embeddings: Candidates, (M, D).
        labels: Their claimed labels, (M,).
        domains: Domain of each candidate, e.g. its facet and value.
        centres: Class centres of the real images.

    Returns:
        Shifted embeddings (M, D); rows that had length 1 are normalised again.

    Raises:
        ToolError: No real image has one of the labels.
    """
    import numpy as np

    offsets = embeddings - centres.points[centres.rows(labels)]
    out = embeddings.astype(np.float32)
    members: dict[Hashable, list[int]] = {}
    for row, domain in enumerate(domains):
        members.setdefault(domain, []).append(row)
    for rows in members.values():
        classes = np.unique(labels[rows])
        if len(classes) < MIN_CLASSES:
            continue
        shift = np.median([offsets[rows][labels[rows] == label].mean(axis=0) for label in classes], axis=0)
        out[rows] = _restore_unit_length(embeddings[rows] - shift, embeddings[rows])
    return out


def _restore_unit_length(shifted: NDArray[np.float64], before: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    unit = np.isclose(np.linalg.norm(before, axis=1), 1, atol=1e-3)
    lengths = np.linalg.norm(shifted, axis=1)
    lengths[~unit | (lengths < 1e-9)] = 1.0
    return np.asarray(shifted / lengths[:, None], dtype=np.float32)
