"""Seconds of a round."""

from __future__ import annotations

from typing import Any

from atlantis_core.run.summary import seconds_by_round


def test_preparation_counts_for_no_round() -> None:
    def event(kind: str, name: str, given: Any, seconds: float, *children: Any) -> dict[str, Any]:
        return {"kind": kind, "name": name, "input": given, "seconds": seconds, "children": list(children)}

    baseline = event("tool", "train_retriever", {"arm": "baseline"}, 60.0)
    making, waiting = event("tool", "generate_images", {}, 5.0), event("approval", "approve", {}, 900.0)
    roots = [
        event("planner", "rules", {"round": 1}, 1.0, baseline),
        event("planner", "rules", {"round": 1}, 1.0, waiting, making),
        event("judge", "round 1", {}, 2.0),
    ]
    assert seconds_by_round(roots) == {0: 61.0, 1: 8.0}
