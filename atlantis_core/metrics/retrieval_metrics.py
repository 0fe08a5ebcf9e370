"""Recall@K, MAP@R and R-precision: shares in [0, 1], higher is better.

Queries without a positive do not count; without any query there is no figure, which is None and not 0. R is the
number of positives of a query. MAP@R and R-precision: Musgrave et al., "A Metric Learning Reality Check" (ECCV 2020),
section 3.2.
"""

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

    def measure(self, ranking: Ranking) -> float | None:
        """Return the mean over the queries that have a positive; None where none has."""
        if not ranking.num_queries:
            return None
        return float(self.per_query(ranking)[ranking.has_positive].mean())


def recall_at_k(ranking: Ranking, k: int = 1) -> float | None:
    """Return the share of queries with a positive among the first `k`; None where no query counts.

    This is Recall@K of the deep-metric-learning literature (Oh Song et al., CVPR 2016, section 6), not the share of
    relevant images that are retrieved.
    """
    if k < 1:
        raise ValueError(f"k is {k!r}; Recall@K needs k of at least 1")
    if not ranking.num_queries:
        return None
    return float((ranking.first_hit[ranking.has_positive] < k).mean())


def average_precision_at_r(ranking: Ranking) -> NDArray[np.float64]:
    """Return the average precision at R of every query, R being its positives; its mean is MAP@R."""
    return ranking.ap_at_r


def r_precision(ranking: Ranking) -> NDArray[np.float64]:
    """Return the share of positives among the first R of every query, R being its positives."""
    return ranking.r_precision
