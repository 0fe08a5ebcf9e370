"""Replays a recording: its answers replace the chat models and the person."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError
from atlantis_core.base.hashing import content_hash

if TYPE_CHECKING:
    from atlantis_core.data.file_listing import ReadOptions
    from atlantis_core.run.session import Session
    from atlantis_dml.app.ask_approval import Answer
    from atlantis_dml.app.request import RunRequest


def request_from_recording(
    name: str, data: str | None, weights: str | None, options: ReadOptions, folder: Path | None
) -> RunRequest:
    """Return the request of a recorded run, to be answered from the recording.

    Its name is a run of the workspace or a file of `atlantis record`; `data` and `weights` replace recorded ones that
    were moved. Which columns to read is not in a recording.

    Raises:
        SetupError: No such recording.
    """
    from atlantis_dml.agents.client.recording import collect_recording, read_recording, write_recording
    from atlantis_dml.app.request import RunRequest
    from atlantis_dml.app.setup import open_existing, open_workspace

    path = Path(name).expanduser()
    if not path.is_file() and (path.suffix or len(path.parts) > 1):
        raise SetupError(f"--replay {name!r}: there is no such file; name a run, or a file of `atlantis record`")
    recording = read_recording(path) if path.is_file() else collect_recording(open_existing(folder), name)
    key = content_hash("recording", [recording.spec, recording.calls, recording.approvals])[:12]
    write_recording(recording, open_workspace(folder).path("recordings") / f"{key}.json")
    spec = replace(
        recording.spec,
        collection_id="",
        data=data or recording.spec.data,
        weights=weights or recording.spec.weights,
        preprocessing=recording.spec.preprocessing or 1,
        recording=key,
        memory=False,
    )
    return RunRequest(spec, options)


def find_recorded_answer(session: Session) -> Answer | None:
    """Return the recorded answer to the approval that this run waits for; None if there is none."""
    from atlantis_dml.agents.client.recording import collect_approvals, read_recording

    if not session.spec.recording:
        return None
    path = session.workspace.path("recordings") / f"{session.spec.recording}.json"
    index = len(collect_approvals(session.workspace, session.run_id))
    approvals: Any = read_recording(path).approvals
    return {**approvals[index], "by": "by the recording"} if index < len(approvals) else None
