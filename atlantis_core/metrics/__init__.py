"""Retrieval quality: ranks, figures made of ranks, their intervals, and the paired test.

`METRICS` names the figures. Each is a function `f(ranking, ...) -> float` in [0, 1]; higher is better,
always.
"""

METRICS = {
    "map_at_r": "atlantis_core.metrics.retrieval_metrics:map_at_r",
    "r_precision": "atlantis_core.metrics.retrieval_metrics:r_precision",
    "recall_at_k": "atlantis_core.metrics.retrieval_metrics:recall_at_k",
}
"""Metric name -> `module:function`; tests/atlantis_core/metrics/test_contract.py runs over all of them."""
