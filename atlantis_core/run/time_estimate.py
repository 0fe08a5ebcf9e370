"""What a protocol will take, judged by what this run's steps took so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from atlantis_core.store.workspace import Workspace


def estimate_seconds(workspace: Workspace, run_id: str, images: int) -> float | None:
    """Return about how many seconds a round with so many images takes; None before a first training.

    Args:
        workspace: Holds the run's trace.
        run_id: The run.
        images: How many images are to be made. While none was made yet, only the trainings count.
    """
    spec = workspace.runs.get(run_id).spec
    calls = [child for root in workspace.events.tree(run_id) for child in root["children"]]
    trainings = [trial["seconds"] for call in _done(calls, "train_retriever") for trial in call]
    if not trainings:
        return None
    making = [
        (call["seconds"], call["output"]["artifact"]["images"]) for call in _select_done(calls, "generate_images")
    ]
    made = sum(number for _, number in making)
    per_image = sum(seconds for seconds, _ in making) / made if made else 0.0
    return float(spec.seeds * sum(trainings) / len(trainings) + images * per_image)


def _select_done(calls: list[dict[str, Any]], tool: str) -> list[dict[str, Any]]:
    return [
        call
        for call in calls
        if call["name"] == tool and call["status"] == "done" and isinstance(call["output"], Mapping)
    ]


def _done(calls: list[dict[str, Any]], tool: str) -> list[Any]:
    return [call["output"]["artifact"] for call in _select_done(calls, tool)]
