"""Sending a whole run as it stands: `atlantis trace RUN --to`, and the end of a live export."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from atlantis_dml.tracing.figures import record_of
from atlantis_dml.tracing.spans import Spans, cleaned

if TYPE_CHECKING:
    from atlantis_core.store.runs import Run
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.agents.client.redaction import Redact
    from atlantis_dml.tracing.door import Door
    from atlantis_dml.tracing.figures import Record
    from atlantis_dml.tracing.target import Target

_SPANS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Sent:
    """What is in MLflow now, and where a person sees it."""

    tracking_uri: str
    experiment_id: str
    mlflow_run_id: str
    trace_id: str
    spans: int
    trials: int
    ui: str
    """Command that shows it; empty where a server does."""
    trace_page: str
    run_page: str


def send_run(workspace: Workspace, run: Run, target: Target, redact: Redact, door: Door) -> Sent:
    """Send a run's spans, figures, trials and files; what was sent before is there once.

    Args:
        workspace: Where the run is kept.
        run: As it stands.
        target: Where to.
        redact: Takes keys out of every text.
        door: To that target, open.

    Raises:
        SetupError: MLflow cannot be reached.
    """
    events, standing = workspace.events.of_run(run.id), workspace.standing(run)
    makes = Spans(run, redact)
    parts = makes.all(events)
    root = makes.root(standing, workspace.journal.read(run.id, 0, "end"), parts)
    spans = [root, *parts]
    for start in range(0, len(spans), _SPANS_AT_ONCE):
        door.send_spans(spans[start : start + _SPANS_AT_ONCE])
    record = _cleaned(record_of(workspace, run, events), redact)
    mlflow_run_id = door.send_record(record)
    trace_id = door.close_trace(root, spans, mlflow_run_id)
    return Sent(
        target.tracking_uri,
        door.experiment_id,
        mlflow_run_id,
        trace_id,
        len(spans),
        len(record.parts),
        target.ui,
        target.trace_page(door.experiment_id, trace_id),
        target.run_page(door.experiment_id, mlflow_run_id),
    )


def _cleaned(record: Record, redact: Redact) -> Record:
    """Return a record without keys in its texts."""
    return replace(
        record,
        settings=cleaned(record.settings, redact),
        tags=cleaned(record.tags, redact),
        files={path: redact(text) for path, text in record.files.items()},
        parts=[_cleaned(part, redact) for part in record.parts],
    )
