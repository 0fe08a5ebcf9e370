"""Exports a complete run in its current state: `atlantis trace RUN --to`, and the end of a live export."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from atlantis_dml.tracing.run_record import build_record
from atlantis_dml.tracing.spans import Spans, redact_values

if TYPE_CHECKING:
    from atlantis_core.store.runs import Run
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.agents.client.redaction import Redact
    from atlantis_dml.tracing.run_record import Record
    from atlantis_dml.tracing.target import Target
    from atlantis_dml.tracing.writer import MlflowWriter

_SPANS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Sent:
    """What MLflow has now, and where to see it."""

    tracking_uri: str
    experiment_id: str
    mlflow_run_id: str
    trace_id: str
    spans: int
    trials: int
    ui: str
    """Command that shows it; empty if a server does."""
    trace_page: str
    run_page: str


def send_run(workspace: Workspace, run: Run, target: Target, redact: Redact, writer: MlflowWriter) -> Sent:
    """Send a run's spans, figures, trials and files. Sending them again creates no duplicates.

    Raises:
        SetupError: MLflow is unreachable.
    """
    events, status = workspace.events.of_run(run.id), workspace.read_status(run)
    builder = Spans(run, redact)
    parts = builder.all(events)
    root = builder.root(status, workspace.journal.read(run.id, 0, "end"), parts)
    spans = [root, *parts]
    for start in range(0, len(spans), _SPANS_AT_ONCE):
        writer.send_spans(spans[start : start + _SPANS_AT_ONCE])
    record = _redact_record(build_record(workspace, run, events), redact)
    mlflow_run_id = writer.send_record(record)
    trace_id = writer.close_trace(root, spans, mlflow_run_id)
    return Sent(
        target.tracking_uri,
        writer.experiment_id,
        mlflow_run_id,
        trace_id,
        len(spans),
        len(record.parts),
        target.ui,
        target.trace_page(writer.experiment_id, trace_id),
        target.run_page(writer.experiment_id, mlflow_run_id),
    )


def _redact_record(record: Record, redact: Redact) -> Record:
    return replace(
        record,
        settings=redact_values(record.settings, redact),
        tags=redact_values(record.tags, redact),
        files={path: redact(text) for path, text in record.files.items()},
        parts=[_redact_record(part, redact) for part in record.parts],
    )
