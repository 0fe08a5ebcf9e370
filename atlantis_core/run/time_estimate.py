"""What a protocol will take, judged by what this run's steps took so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from atlantis_core.store.workspace import Workspace


def estimate_seconds(workspace: Workspace, run_id: str, images: int) -> float | None:
    """Return about how many seconds a round with so many images takes; None before a first training.

    While no image was made yet, only the trainings count.
    """
    spec, training = workspace.runs.get(run_id).spec, mean_training_seconds(workspace, run_id)
    if training is None:
        return None
    calls = _list_tool_calls(workspace, run_id)
    making = [call for call in calls if call["name"] == "generate_images"]
    made = sum(call["output"]["artifact"]["images"] for call in making)
    per_image = sum(call["seconds"] for call in making) / made if made else 0.0
    return float(spec.seeds * training + images * per_image)


def mean_training_seconds(workspace: Workspace, run_id: str) -> float | None:
    """Return the mean seconds of a training of this run; None before a first one."""
    calls = (call for call in _list_tool_calls(workspace, run_id) if call["name"] == "train_retriever")
    trainings = [trial["seconds"] for call in calls for trial in call["output"]["artifact"]]
    return sum(trainings) / len(trainings) if trainings else None


def _list_tool_calls(workspace: Workspace, run_id: str) -> list[dict[str, Any]]:
    return [call for call in workspace.events.of_kind(run_id, "tool") if isinstance(call["output"], Mapping)]
