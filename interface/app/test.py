"""Opens the sealed test split of a run or of trials, for `atlantis test`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from atlantis_core.base.plural import count_noun
from atlantis_dml.app.output import announce
from atlantis_dml.app.progress import open_stderr_screen
from atlantis_dml.app.setup import open_existing


def measure_run(run_name: str, workspace: Path | None) -> dict[str, Any]:
    """Measure the models of a run on its test split; of a run that was tested before, return the stored figures.

    Raises:
        SetupError: There is no such run, or it is not done.
    """
    from atlantis_core.run.seal import read_test
    from atlantis_core.workflows.test import run_final_test
    from atlantis_dml.app.run import open_session

    store, screen = open_existing(workspace), open_stderr_screen()
    announce(f"reading run {run_name}")
    session = open_session(store, store.runs.get(run_name), screen)
    stored = read_test(session) is not None
    with screen, store.lock(session.run_id):
        return {"run_id": session.run_id, "opened_before": stored, **run_final_test(session)}


def measure_trials(names: Sequence[str], workspace: Path | None) -> dict[str, Any]:
    """Measure trials on their test split.

    Raises:
        SetupError: There is no such trial, or they are not seeds of one recipe.
    """
    from atlantis_core.workflows.test import run_trial_test
    from atlantis_dml.app.find_model import find_trial

    store = open_existing(workspace)
    found = (find_trial(name, store) for name in names)
    trials = list({trial.id: trial for trial in found}.values())  # a trial that is named twice is one trial
    announce(f"reading {count_noun(len(trials), 'trial')}")
    with open_stderr_screen() as screen:
        return run_trial_test(store, trials, screen.progress)
