"""Diversity control: of images that the model cannot tell apart, only one is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class NearestImage:
    """The most similar image before a candidate."""

    cosine: float
    """Cosine similarity, -1 to 1; higher is worse."""
    of: str
    """Key of the kept candidate or id of the real image; empty if its class has neither."""
    real: bool


def find_nearest_before(
    embeddings: NDArray[np.float32],
    labels: NDArray[np.int64],
    keys: Sequence[str],
    real_embeddings: NDArray[np.float32],
    real_labels: NDArray[np.int64],
    real_ids: Sequence[str],
    source_ids: Sequence[str],
    threshold: float,
) -> list[NearestImage]:
    """Find for each candidate the most similar real image or earlier kept candidate of its class.

    A candidate above `threshold` is not compared with later ones, so the first of a group of copies is kept. The
    source image of an edit is ignored: an edit is meant to resemble it.

    Args:
        embeddings: Candidates, (M, D).
        labels: Their claimed labels, (M,).
        keys: Their keys.
        real_embeddings: Real training images, (N, D).
        real_labels: (N,).
        real_ids: N ids.
        source_ids: The source image of each candidate, or "".
        threshold: Cosine above which two images are copies.

    Returns:
        One result per candidate.
    """
    import numpy as np

    own, real = _normalise(embeddings), _normalise(real_embeddings)
    ids = np.asarray(real_ids, dtype=object)
    found: list[NearestImage] = []
    kept: dict[int, list[int]] = {}
    for row, label in enumerate(labels.tolist()):
        before = kept.setdefault(label, [])
        others = np.flatnonzero((real_labels == label) & (ids != source_ids[row]))
        nearest = max(
            _most_similar(own[row], own[before], [keys[index] for index in before], real=False),
            _most_similar(own[row], real[others], [str(item) for item in ids[others]], real=True),
            key=lambda item: item.cosine,
        )
        found.append(nearest)
        if nearest.cosine <= threshold:
            before.append(row)
    return found


def _most_similar(
    one: NDArray[np.float32], others: NDArray[np.float32], names: Sequence[str], *, real: bool
) -> NearestImage:
    if not len(others):
        return NearestImage(-1.0, "", real)
    cosines = others @ one
    best = int(cosines.argmax())
    return NearestImage(float(cosines[best]), names[best], real)


def _normalise(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.asarray(embeddings / np.maximum(lengths, 1e-12), dtype=np.float32)
