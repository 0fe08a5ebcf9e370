"""Finished spans in MLflow's format, with our ids; `docs/traces.md` says why its documented API does not do."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from atlantis_dml.tracing.spans import SpanFacts

if TYPE_CHECKING:
    from mlflow.entities import Span, TraceInfo

_TYPES = {
    "run": "WORKFLOW",
    "planner": "AGENT",
    "critique": "AGENT",
    "host": "AGENT",
    "tool": "TOOL",
    "model": "CHAT_MODEL",
    "job": "TASK",
    "pilot": "TASK",
    "look": "TASK",
    "judge": "EVALUATOR",
    "approval": "GUARDRAIL",
}
_CODES = {"done": "STATUS_CODE_OK", "failed": "STATUS_CODE_ERROR"}
_TRANSLATED = ("gen_ai.input.messages", "gen_ai.tool.call.arguments")
"""MLflow shows these as inputs, so a second copy is not stored."""
_LONGEST_PREVIEW = 1000


def build_mlflow_span(facts: SpanFacts) -> Span:
    """Return a span as MLflow stores it."""
    from mlflow.entities import Span

    attributes = dict(facts.attributes) | {
        "mlflow.traceRequestId": format_trace_id(facts),
        "mlflow.spanType": _TYPES.get(facts.kind, "UNKNOWN"),
    }
    if not any(name in facts.attributes for name in _TRANSLATED):
        attributes |= {"mlflow.spanInputs": facts.given, "mlflow.spanOutputs": facts.output}
    usd = facts.attributes.get("atlantis.usd")
    if facts.kind == "model":  # otherwise MLflow would guess a price from the model's name
        attributes["mlflow.llm.cost"] = {"input_cost": 0.0, "output_cost": 0.0, "total_cost": usd or 0.0}
    return Span.from_dict(
        {
            "trace_id": _in_base64(facts.trace_id, 16),
            "span_id": _in_base64(facts.span_id, 8),
            "parent_span_id": None if facts.parent_id is None else _in_base64(facts.parent_id, 8),
            "name": facts.name,
            "start_time_unix_nano": facts.started_ns,
            "end_time_unix_nano": facts.ended_ns,
            "events": [],
            "status": {"code": _CODES.get(facts.status, "STATUS_CODE_UNSET"), "message": facts.problem},
            "attributes": {name: json.dumps(value) for name, value in attributes.items() if value is not None},
        }
    )


def build_trace_info(
    root: SpanFacts, spans: Sequence[SpanFacts], experiment_id: str, mlflow_run_id: str
) -> TraceInfo:
    """Return the summary of a trace for MLflow's list."""
    from mlflow.entities import TraceInfo, TraceLocation, TraceState

    states = {"done": TraceState.OK, "failed": TraceState.ERROR}
    run_id = str(root.attributes["atlantis.run_id"])
    sides = ("input_tokens", "output_tokens")
    usage = {side: sum(span.attributes.get(f"gen_ai.usage.{side}", 0) for span in spans) for side in sides}
    usage["total_tokens"] = sum(span.attributes["atlantis.tokens"] for span in spans)
    usd = sum(span.attributes["atlantis.usd"] for span in spans)
    return TraceInfo(
        trace_id=format_trace_id(root),
        trace_location=TraceLocation.from_experiment_id(experiment_id),
        request_time=root.started_ns // 1_000_000,
        execution_duration=(root.ended_ns - root.started_ns) // 1_000_000,
        state=states.get(root.status, TraceState.IN_PROGRESS),
        request_preview=str(root.given["goal"]["text"])[:_LONGEST_PREVIEW],
        response_preview=json.dumps(root.output)[:_LONGEST_PREVIEW] if root.output else None,
        trace_metadata={
            "mlflow.trace_schema.version": "3",
            "mlflow.sourceRun": mlflow_run_id,
            "mlflow.trace.session": run_id,
            "mlflow.trace.tokenUsage": json.dumps(usage),
            "mlflow.trace.cost": json.dumps({"input_cost": 0.0, "output_cost": 0.0, "total_cost": usd}),
        },
        tags={"mlflow.traceName": f"atlantis {run_id}", "atlantis.run_id": run_id, "atlantis.thread_id": run_id},
    )


def format_trace_id(facts: SpanFacts) -> str:
    """Return MLflow's id of a span's trace."""
    return f"tr-{facts.trace_id:032x}"


def _in_base64(number: int, size: int) -> Any:
    return b64encode(number.to_bytes(size, "big")).decode()
