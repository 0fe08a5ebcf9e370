"""Retrieval quality: ranks, metrics, confidence intervals, and the paired test.

Each metric is a function `f(ranking, ...) -> float` in [0, 1]; higher is better.
"""

METRICS = {
    "map_at_r": "atlantis_core.metrics.retrieval_metrics:map_at_r",
    "r_precision": "atlantis_core.metrics.retrieval_metrics:r_precision",
    "recall_at_k": "atlantis_core.metrics.retrieval_metrics:recall_at_k",
}
"""Metric name -> `module:function`; tests/atlantis_core/metrics/test_contract.py tests each."""
