"""Compares recipes on held-out training images, for `atlantis recipes`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_dml.app.request import RunRequest


def compare(request: RunRequest, presets: Sequence[str], folder: Path | None) -> dict[str, Any]:
    """Read DATA, train every preset with every seed on a part of its training split, and measure on the rest."""
    from atlantis_core.learning.training.presets import check_preset
    from atlantis_dml.app.progress import open_stderr_screen
    from atlantis_dml.app.run_settings import refuse_open_preset
    from atlantis_dml.app.setup import open_session_without_run

    for preset in presets:
        check_preset(preset)
        refuse_open_preset(preset)
    seeds = range(request.spec.seed, request.spec.seed + request.spec.seeds)
    with open_stderr_screen() as screen:
        session = open_session_without_run("recipes", request, folder, screen)
        from atlantis_core.workflows.recipes import compare_recipes  # slow: after the first line

        return {"data": request.spec.data} | compare_recipes(session, presets, seeds)
