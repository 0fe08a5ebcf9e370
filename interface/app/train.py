"""Trains a retriever without the loop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError

if TYPE_CHECKING:
    from atlantis_dml.app.request import RunRequest


def is_follower() -> bool:
    """Whether `accelerate launch` started this process beside a first one, which alone keeps and says anything."""
    from atlantis_core.base.parallel import process_rank_and_count

    return process_rank_and_count()[0] > 0


def train_trials(asked: RunRequest, folder: Path | None, out: Path | None = None) -> dict[str, Any]:
    """Read DATA, train and measure.

    Args:
        asked: Data and settings.
        folder: The workspace.
        out: A new folder for what was trained; of several seeds it gets a folder each.

    Raises:
        SetupError: Anything a person must mend.
    """
    from atlantis_core.exporting.model_export import check_destination, export_trials
    from atlantis_core.workflows.train import train_baseline
    from atlantis_dml.app.command_lines import build_evaluate_command
    from atlantis_dml.app.progress import open_stderr_screen
    from atlantis_dml.app.run import open_session_without_run

    if out is not None:
        check_destination(out)
    seeds = range(asked.spec.seed, asked.spec.seed + asked.spec.seeds)
    with open_stderr_screen() as screen:
        session = open_session_without_run("train", asked, folder, screen)
        found = {"data": asked.spec.data} | train_baseline(session, seeds)
        if out is not None:
            found["trials"] = export_trials(session, found["trials"], out)
            folder = session.workspace.folder  # an export tells nothing of what it was trained on, only this does
        found["next"] = build_evaluate_command(_find_first_trained(found), asked, folder)
    return found


def _find_first_trained(found: dict[str, Any]) -> str:
    """Return the folder that the first trial that did not diverge was exported to, else its id."""
    first = next(trial for trial in found["trials"] if "path" in trial)
    return str(first.get("exported", first["id"]))


def apply_settings(preset: str, settings: list[str]) -> str:
    """Return the preset with its changes as the one text that runs keep; a change that it came with gives way.

    Raises:
        SetupError: A setting holds the sign that divides settings.
    """
    for setting in settings:
        if "&" in setting:
            raise SetupError(f"--set {setting!r} is more than one setting; give each a --set of its own, without &")
    if not settings:
        return preset
    name, _, told = preset.partition("?")
    replaced = set(map(_setting_name, settings))
    stays = [item for item in told.split("&") if item and _setting_name(item) not in replaced]
    return f"{name}?{'&'.join([*stays, *settings])}"


def _setting_name(change: str) -> str:
    """Return the name in `setting=value`."""
    return change.partition("=")[0].strip()
