"""Retrieval quality: ranks, metrics, confidence intervals, and the paired test.

Evaluations, reports and exports list every metric of `METRICS`: to add one, add its entry here. Headlines of
training, tests and the chat name Recall@1 and MAP@R. Runs measured before a metric was added are shown without it.
"""

from __future__ import annotations

from collections.abc import Mapping

from atlantis_core.metrics.retrieval_metrics import Metric, average_precision_at_r, r_precision

METRICS: Mapping[str, Metric] = {
    "map_at_r": Metric("MAP@R", average_precision_at_r, higher_is_better=True),
    "r_precision": Metric("R-precision", r_precision, higher_is_better=True),
}
"""Key in every JSON object -> metric, besides Recall@K. tests/atlantis_core/metrics/test_contract.py checks all."""
