"""Measures what groups of a round's images did, for `atlantis effect`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_dml.app.output import announce
from atlantis_dml.app.progress import open_stderr_screen

if TYPE_CHECKING:
    from atlantis_core.records.round import GroupEffect


def measure_run_effects(run_name: str, round_index: int | None, most: int, folder: Path | None) -> dict[str, Any]:
    """Leave out each group of a round's images in turn, train, compare; None is the newest kept round.

    Raises:
        SetupError: No such run or round, a round that was not trained, or images that are gone.
    """
    from atlantis_dml.app.setup import open_existing

    workspace = open_existing(folder)
    run = workspace.runs.get(run_name)
    announce(f"reading run {run.id}")
    from atlantis_core.run.effects import choose_round, measure_effects
    from atlantis_core.run.session import Session

    with open_stderr_screen() as screen:
        session = Session(workspace, run.id, run.spec, screen.progress, say=screen.line)
        index = choose_round(session) if round_index is None else round_index
        session.require_images()
        effects = measure_effects(session, index, most)
    return {"run_id": run.id, "round": index, "seed": session.diagnosing_seed, "groups": list(map(describe, effects))}


def describe(effect: GroupEffect) -> dict[str, Any]:
    """Return an effect as JSON-able facts."""
    from atlantis_core.base.serialization import as_json

    facts: dict[str, Any] = as_json(effect)
    return facts | {"images": len(effect.keys)}
