"""R-precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atlantis_core.metrics.ranking import Ranking


def r_precision(ranking: Ranking) -> float:
    """Return the mean share of right images among the first R, R being its partners; higher is better.

    Musgrave et al., "A Metric Learning Reality Check" (ECCV 2020), section 3.2. Queries without a partner are
    left out; without any query it is 0, the worst.

    Args:
        ranking: Of Q queries.

    Returns:
        A share in [0, 1].
    """
    if not ranking.num_queries:
        return 0.0
    return float(ranking.r_precision[ranking.has_partner].mean())
