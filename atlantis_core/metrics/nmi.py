"""Normalised mutual information of classes and clusters of the embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def nmi(embeddings: NDArray[np.float32], labels: NDArray[np.int64], seed: int) -> float | None:
    """Return how well clusters, as many as there are classes, agree with the classes, in [0, 1]; higher is better.

    None for a single class, with which any clusters agree.

    Mutual information of clusters and classes over the mean of their entropies (Oh Song et al., CVPR 2016, section
    6); clusters by mini-batch k-means (Sculley, WWW 2010). Not in `METRICS`, because it is not a function of a
    `Ranking`. It depends on the seed and rises with the number of classes: compare models on one task only.

    Embeddings (N, D) may have any norm, labels (N,) are class numbers; the seed decides the initial centres and the
    batches.
    """
    import numpy as np
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.metrics import normalized_mutual_info_score

    if embeddings.ndim != 2 or labels.shape != embeddings.shape[:1] or not len(labels):
        raise ValueError(f"embeddings {embeddings.shape} do not fit labels {labels.shape}, or there are none")
    if len(np.unique(labels)) < 2:
        return None
    clusters = MiniBatchKMeans(len(np.unique(labels)), random_state=seed, n_init=3).fit_predict(embeddings)
    return float(normalized_mutual_info_score(labels, clusters))
