"""The only writer to MLflow. Sending the same data again creates no duplicates."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError
from atlantis_dml.tracing.run_record import Record
from atlantis_dml.tracing.spans import SpanFacts
from atlantis_dml.tracing.target import EXPERIMENT, Target

if TYPE_CHECKING:
    from mlflow import MlflowClient

_KEY = "atlantis.key"
"""Tag that identifies a run or trial."""
_LONGEST_SETTING, _LONGEST_REASON = 6000, 160
_STATUS = {"done": "FINISHED", "failed": "FAILED", "stopped": "KILLED"}


class MlflowWriter:
    """MLflow at one target. Opening it imports MLflow and creates the database, which takes seconds.

    Raises:
        SetupError: The target is unreachable; every method raises it, too.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        _prepare()
        with self._errors_as_one_line():
            from mlflow import MlflowClient
            from mlflow.tracing.client import TracingClient

            self._client = MlflowClient(tracking_uri=target.tracking_uri)
            self._tracing = TracingClient(target.tracking_uri)
            self.experiment_id = _experiment(self._client, target)

    def send_spans(self, spans: Sequence[SpanFacts]) -> None:
        """Write spans; existing ones are replaced."""
        from atlantis_dml.tracing.mlflow_spans import build_mlflow_span

        with self._errors_as_one_line():
            self._tracing.log_spans(self.experiment_id, [build_mlflow_span(span) for span in spans])

    def close_trace(self, root: SpanFacts, spans: Sequence[SpanFacts], mlflow_run_id: str) -> str:
        """Write the summary of a trace so far; return its id."""
        from atlantis_dml.tracing.mlflow_spans import build_trace_info

        with self._errors_as_one_line():
            info = build_trace_info(root, spans, self.experiment_id, mlflow_run_id)
            self._tracing.start_trace(info)  # MLflow calls this when a trace has ended
        return str(info.trace_id)

    def send_record(self, record: Record, parent_id: str | None = None) -> str:
        """Write a run and its trials; return MLflow's id of the run."""
        with self._errors_as_one_line():
            run_id = self._find_or_create_run(record, parent_id)
            self._client.log_batch(run_id, **_entities(record))
            for path, text in record.files.items():
                self._client.log_text(run_id, text, path)
            if status := _STATUS.get(record.status):
                self._client.set_terminated(run_id, status, record.ended_ms)
            else:
                self._client.update_run(run_id, "RUNNING")
        for part in record.parts:
            self.send_record(part, run_id)
        return run_id

    def _find_or_create_run(self, record: Record, parent_id: str | None) -> str:
        """Return the id of a record's MLflow run; create the run if there is none."""
        found = self._client.search_runs([self.experiment_id], f"tags.`{_KEY}` = '{record.key}'", max_results=1)
        if found:
            return str(found[0].info.run_id)
        tags = {_KEY: record.key} | ({"mlflow.parentRunId": parent_id} if parent_id else {})
        made = self._client.create_run(self.experiment_id, record.started_ms, tags, record.name)
        return str(made.info.run_id)

    @contextmanager
    def _errors_as_one_line(self) -> Iterator[None]:
        """Turn errors of MLflow, its database and its server into one line."""
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (MlflowException, SQLAlchemyError, OSError, NotImplementedError) as error:
            reason = (str(error).splitlines() or [""])[0][:_LONGEST_REASON]
            raise SetupError(f"MLflow at {self._target.tracking_uri!r} cannot be written to: {reason}") from error


def _entities(record: Record) -> dict[str, list[Any]]:
    from mlflow.entities import Metric, Param, RunTag

    return {
        "metrics": [Metric(figure.name, figure.value, figure.at_ms, figure.step) for figure in record.figures],
        "params": [Param(name, str(value)[:_LONGEST_SETTING]) for name, value in record.settings.items()],
        "tags": [RunTag(name, value) for name, value in record.tags.items() if value],
    }


def _experiment(client: MlflowClient, target: Target) -> str:
    known = client.get_experiment_by_name(EXPERIMENT)
    if known is None:
        return str(client.create_experiment(EXPERIMENT, target.artifacts))
    # MLflow would write files to the old place of the workspace.
    if target.artifacts not in {None, known.artifact_location}:
        raise SetupError(
            f"{target.tracking_uri!r} stores its files in {known.artifact_location!r}, but the workspace has moved; "
            "delete mlflow.db and mlflow-artifacts, then export again"
        )
    return str(known.experiment_id)


def _prepare() -> None:
    """Stop MLflow from logging to stderr and from waiting for minutes, unless the person set it otherwise."""
    from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_MAX_RETRIES, MLFLOW_HTTP_REQUEST_TIMEOUT

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # Give up early on an unreachable server, since the event log keeps everything.
    limits: Mapping[Any, int] = {MLFLOW_HTTP_REQUEST_TIMEOUT: 5, MLFLOW_HTTP_REQUEST_MAX_RETRIES: 1}
    for variable, value in limits.items():
        if not variable.is_set():
            variable.set(value)
