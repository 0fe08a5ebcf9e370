"""Trains a retriever without the loop, for `atlantis train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError

if TYPE_CHECKING:
    from atlantis_dml.app.request import RunRequest


def is_follower() -> bool:
    """Whether `accelerate launch` started this process beside a first one, which alone stores and prints."""
    from atlantis_core.base.parallel import process_rank_and_count

    return process_rank_and_count()[0] > 0


def train_trials(request: RunRequest, folder: Path | None, out: Path | None = None) -> dict[str, Any]:
    """Read DATA, train and measure; export the models to the new folder `out`, several seeds to a folder each."""
    from atlantis_core.exporting.model_export import check_destination, export_trials
    from atlantis_dml.app.progress import open_stderr_screen
    from atlantis_dml.app.setup import open_session_without_run

    if out is not None:
        check_destination(out)
    seeds = range(request.spec.seed, request.spec.seed + request.spec.seeds)
    with open_stderr_screen() as screen:
        session = open_session_without_run("train", request, folder, screen)
        from atlantis_core.workflows.train import train_baseline  # slow: after the first line

        found = {"data": request.spec.data} | train_baseline(session, seeds)
        if out is not None:
            found["trials"] = export_trials(session, found["trials"], out)
            folder = session.workspace.folder  # only this records what an export was trained on
        first = next(trial for trial in found["trials"] if "path" in trial)  # that did not diverge
        found["next"] = _build_evaluate_command(str(first.get("exported", first["id"])), request, folder)
    return found


def _build_evaluate_command(model: str, request: RunRequest, workspace: Path | None) -> str:
    """Return the `atlantis evaluate` command that measures a model on the validation images of its training.

    With another regime or other columns, validation would contain images that it was trained on.
    """
    from atlantis_dml.text.command_lines import join_shell_line

    read, spec = request.options, request.spec
    return join_shell_line(
        ("evaluate", model, spec.data),
        {
            "--regime": None if spec.regime == "seen" else spec.regime,
            "--label": read.label,
            "--split-column": read.split,
            "--query": spec.query,
            "--gallery": spec.gallery,
            "--facets": ",".join(read.facets) if read.facets else None,
            "--workspace": workspace,
        },
    )


def apply_settings(preset: str, settings: list[str]) -> str:
    """Add changes of settings to a preset; they replace changes that are in it already.

    Raises:
        SetupError: A change contains the `&` that separates changes.
    """
    for setting in settings:
        if "&" in setting:
            raise SetupError(f"--set {setting!r} is more than one setting; use one --set for each, without &")
    if not settings:
        return preset
    name, _, changes = preset.partition("?")
    replaced = {setting.partition("=")[0].strip() for setting in settings}
    stays = [item for item in changes.split("&") if item and item.partition("=")[0].strip() not in replaced]
    return f"{name}?{'&'.join([*stays, *settings])}"
