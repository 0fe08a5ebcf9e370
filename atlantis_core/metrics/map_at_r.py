"""Mean average precision at R."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from atlantis_core.metrics.ranking import Ranking


def map_at_r(ranking: Ranking) -> float:
    """Return the mean over queries of average precision at R, R being the query's partners; higher is better.

    Musgrave et al., "A Metric Learning Reality Check" (ECCV 2020), section 3.2. Queries without a partner are
    left out; without any query it is 0, the worst.

    Args:
        ranking: Of Q queries.

    Returns:
        A share in [0, 1].
    """
    if not ranking.num_queries:
        return 0.0
    return float(ranking.ap_at_r[ranking.has_partner].mean())
