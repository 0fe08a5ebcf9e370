"""Finds a collection and writes one of the paper's situations from it, for `atlantis scenario`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_dml.app.output import announce
from atlantis_dml.app.progress import open_stderr_screen

if TYPE_CHECKING:
    from atlantis_core.base.ports import Progress
    from atlantis_core.importing.collection_writer import ImportResult
    from atlantis_core.scenarios.scenario_source import ScenarioSource
    from atlantis_dml.app.request import TaskOptions


def make_scenario(
    name: str,
    data: str,
    task: TaskOptions,
    destination: Path,
    choices: dict[str, Any],
    seed: int,
    workspace: Path | None,
) -> tuple[ImportResult, dict[str, Any]]:
    """Write DATA to a new folder, as one of the registered scenarios leaves it.

    Return what was written, and the facts of its `scenario.json`.

    Raises:
        SetupError: DATA does not exist, the destination is in the way, or a choice does not fit.
    """
    from atlantis_core.scenarios.scenario_writer import write_scenario

    with open_stderr_screen() as screen:
        source = open_source(data, task, destination, workspace, screen.progress)
        return write_scenario(name, source, destination, choices, seed, screen.progress)


def open_source(
    data: str, task: TaskOptions, destination: Path, workspace: Path | None, progress: Progress
) -> ScenarioSource:
    """Find DATA; splits that this workspace drew before are drawn the same way again.

    Raises:
        SetupError: DATA does not exist, or the destination is in the way.
    """
    from atlantis_dml.app.setup import check_data, find_data_folder, has_runs, open_workspace

    check_data(data)
    announce(f"reading {data}")
    from atlantis_core.data.split_assignment import KnownSplits
    from atlantis_core.importing.collection_writer import resolve_source
    from atlantis_core.scenarios.scenario_source import ScenarioSource

    store = open_workspace(workspace)
    folder = find_data_folder(data, store, progress)
    resolve_source(folder, destination)
    known = store.splits.known(task.regime) if has_runs(store) else KnownSplits()
    return ScenarioSource(folder, task.columns(), task.regime, known)
