"""Recall@K, MAP@R and R-precision: shares in [0, 1], higher is better.

Queries without a positive do not count; without any query a metric is 0, the worst. R is the number of positives of a
query. MAP@R and R-precision: Musgrave et al., "A Metric Learning Reality Check" (ECCV 2020), section 3.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from atlantis_core.metrics.ranking import Ranking


def recall_at_k(ranking: Ranking, k: int = 1) -> float:
    """Return the share of queries with a positive among the first `k`.

    This is Recall@K of the deep-metric-learning literature (Oh Song et al., CVPR 2016, section 6), not the share of
    relevant images that are retrieved.

    Raises:
        ValueError: `k` is below 1.
    """
    if k < 1:
        raise ValueError(f"k is {k!r}; Recall@K needs k of at least 1")
    return _mean_over_queries(ranking, ranking.first_hit < k)


def map_at_r(ranking: Ranking) -> float:
    """Return the mean over queries of average precision at R."""
    return _mean_over_queries(ranking, ranking.ap_at_r)


def r_precision(ranking: Ranking) -> float:
    """Return the mean over queries of the share of positives among the first R."""
    return _mean_over_queries(ranking, ranking.r_precision)


def _mean_over_queries(ranking: Ranking, values: NDArray[np.float64 | np.bool_]) -> float:
    return float(values[ranking.has_positive].mean()) if ranking.num_queries else 0.0
