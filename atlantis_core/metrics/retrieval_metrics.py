"""What is computed from a ranking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from atlantis_core.metrics.ranking import Ranking


@dataclass(frozen=True, slots=True)
class Metric:
    """A mean over queries of something in [0, 1]."""

    title: str
    """As tables and cards write it."""
    per_query: Callable[[Ranking], NDArray[np.float64]]
    """Value of every query (Q,)."""
    higher_is_better: bool

    def measure(self, ranking: Ranking) -> float:
        """Return the mean over the queries that have a positive; the worst value where none has."""
        if not ranking.num_queries:
            return 0.0 if self.higher_is_better else 1.0
        return float(self.per_query(ranking)[ranking.has_positive].mean())


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


def average_precision_at_r(ranking: Ranking) -> NDArray[np.float64]:
    """Return the average precision at R of every query, R being its positives; its mean is MAP@R.

    Musgrave et al., "A Metric Learning Reality Check" (ECCV 2020), section 3.2.
    """
    return ranking.ap_at_r


def r_precision(ranking: Ranking) -> NDArray[np.float64]:
    """Return the share of positives among the first R of every query, R being its positives.

    Musgrave et al., "A Metric Learning Reality Check" (ECCV 2020), section 3.2.
    """
    return ranking.r_precision
