"""Filters synthetic images from elsewhere by their embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atlantis_core.filtering.embedding_files import EmbeddedImages


def filter_synthetic(
    real: EmbeddedImages, synthetic: EmbeddedImages, scorer: str, threshold: float | None, quota: int | None = None
) -> dict[str, Any]:
    """Judge synthetic images against real ones.

    Raises:
        SetupError: Unknown scorer, a threshold that is below 0 or infinite, or a quota below 1.
        ToolError: Synthetic images of a class without real ones, or too few real ones for the scorer.
    """
    import numpy as np

    from atlantis_core.base.errors import SetupError
    from atlantis_core.filtering.embedded import filter_embeddings

    if threshold is not None and not 0 <= threshold < float("inf"):
        raise SetupError(f"threshold {threshold} is not a finite number of at least 0")
    if quota is not None and quota < 1:
        raise SetupError(f"quota {quota} is not a number of images a class; give 1 or more")
    found = filter_embeddings(real, synthetic, scorer, threshold, quota)
    rejected = [
        {
            "index": index,
            "reason": found.reasons.get(
                index, f"outlier: {found.scorer} {found.scores[index]:.3f} is above {found.threshold:.4g}"
            ),
            "score": float(found.scores[index]),
        }
        for index in np.flatnonzero(~found.kept).tolist()
    ]
    own = found.nearest_own
    return {
        "scorer": found.scorer,
        "threshold": found.threshold,
        "counts": {"made": len(own), "kept": int(found.kept.sum()), "rejected": len(rejected)},
        "nearest_own_class": {"made": _share(own), "kept": _share(own[found.kept])},
        "kept": np.flatnonzero(found.kept).tolist(),
        "rejected": rejected,
        "notes": list(found.remarks),
    }


def _share(flags: Any) -> float | None:
    return float(flags.mean()) if len(flags) else None
