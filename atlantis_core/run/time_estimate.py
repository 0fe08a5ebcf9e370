"""What a protocol will take, judged by what this run's steps took so far."""

from __future__ import annotations

from collections.abc import Mapping

from atlantis_core.store.workspace import Workspace


def estimate_seconds(workspace: Workspace, run_id: str, images: int) -> float | None:
    """Return about how many seconds a round with so many images takes; None before a first training.

    While no image was made yet, only the trainings count.
    """
    spec = workspace.runs.get(run_id).spec
    calls = [call for call in workspace.events.of_kind(run_id, "tool") if isinstance(call["output"], Mapping)]
    trained = [call["output"]["artifact"] for call in calls if call["name"] == "train_retriever"]
    trainings = [trial["seconds"] for trials in trained for trial in trials]
    if not trainings:
        return None
    making = [call for call in calls if call["name"] == "generate_images"]
    made = sum(call["output"]["artifact"]["images"] for call in making)
    per_image = sum(call["seconds"] for call in making) / made if made else 0.0
    return float(spec.seeds * sum(trainings) / len(trainings) + images * per_image)
