"""Recall@K."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atlantis_core.metrics.ranking import Ranking


def recall_at_k(ranking: Ranking, k: int = 1) -> float:
    """Return the share of queries with a right image among the first `k`; higher is better.

    This is Recall@K as the deep-metric-learning literature uses it (Oh Song et al., CVPR 2016, section 6),
    not the share of relevant images found. Queries without a partner are left out; without any query it is 0,
    the worst.

    Args:
        ranking: Of Q queries.
        k: How many of the first answers count.

    Returns:
        A share in [0, 1].

    Raises:
        ValueError: `k` is below 1.
    """
    if k < 1:
        raise ValueError(f"k is {k!r}; Recall@K needs k of at least 1")
    if not ranking.num_queries:
        return 0.0
    return float((ranking.first_hit[ranking.has_positive] < k).mean())


def map_at_r(ranking: Ranking) -> float:
    """Return the mean over queries of average precision at R, R being the query's positives; higher is better.

    Musgrave et al., "A Metric Learning Reality Check" (ECCV 2020), section 3.2. Queries without a partner are
    left out; without any query it is 0, the worst.

    Args:
        ranking: Of Q queries.

    Returns:
        A share in [0, 1].
    """
    if not ranking.num_queries:
        return 0.0
    return float(ranking.ap_at_r[ranking.has_positive].mean())


def r_precision(ranking: Ranking) -> float:
    """Return the mean share of right images among the first R, R being its positives; higher is better.

    Musgrave et al., "A Metric Learning Reality Check" (ECCV 2020), section 3.2. Queries without a partner are
    left out; without any query it is 0, the worst.

    Args:
        ranking: Of Q queries.

    Returns:
        A share in [0, 1].
    """
    if not ranking.num_queries:
        return 0.0
    return float(ranking.r_precision[ranking.has_positive].mean())
