"""Writes the answers of a run to a file, for `atlantis record`."""

from __future__ import annotations

from pathlib import Path

from atlantis_core.base.errors import SetupError


def write_run_recording(run_name: str, path: Path, folder: Path | None) -> int:
    """Write a run's recording to a file; return its number of chat model answers.

    Raises:
        SetupError: No such run, nothing to record, or the file exists or cannot be written.
    """
    from atlantis_dml.agents.client.recording import collect_recording, write_recording
    from atlantis_dml.app.setup import open_existing

    recording = collect_recording(open_existing(folder), run_name)
    if path.exists():
        raise SetupError(f"{str(path)!r} exists already; name another file, or remove it")
    write_recording(recording, path)
    return len(recording.calls)
