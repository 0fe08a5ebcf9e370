"""`atlantis filter` as a function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlantis_dml.api.argument_types import Where, checked

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

else:
    ArrayLike = Any  # numpy is loaded only when needed; `embedded` checks arrays


@checked
def filter_embeddings(
    real: Where | tuple[ArrayLike, ArrayLike],
    synthetic: Where | tuple[ArrayLike, ArrayLike],
    *,
    scorer: str = "auto",
    threshold: float | None = None,
    quota: int | None = None,
) -> dict[str, Any]:
    """Return which synthetic images belong to their classes.

    Args:
        real: Embeddings (N, D) and labels (N), numbers or class names, of real images, or an `.npz` file of both.
        synthetic: Likewise (M, D) and (M), of synthetic images, by the same model.
        scorer: `auto`, `centre_ratio`, `margin`, `knn`, `lof`, `isolation` or `risk`.
        threshold: Reject scores above it, which are worse; None takes the scorer's own.
        quota: Keep at most so many images of a class, those that represent the others; None keeps all that pass.

    Returns:
        What `atlantis filter --json` prints: `kept` (indices), `rejected` (index, reason, score), `scorer` and more.

    Raises:
        SetupError: An argument of another type, or an unknown scorer.
        ToolError: Synthetic images of a class without real ones, or too few real ones for the scorer.
    """
    from atlantis_core.filtering.embedding_files import to_embedded_images
    from atlantis_dml.app.filter import filter_synthetic

    return filter_synthetic(
        to_embedded_images(real, "real"), to_embedded_images(synthetic, "synthetic"), scorer, threshold, quota
    )
