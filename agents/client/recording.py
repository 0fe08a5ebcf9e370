"""Recordings of what chat models and people answered in a run, so that it can be replayed without a key."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from langchain_core.messages import AIMessage
from pydantic import BaseModel, TypeAdapter

from atlantis_core.base.errors import ProviderUnavailable, SetupError
from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.records import RunSpec
from atlantis_core.run.approval import BY_AUTO, read_recorded_answer

if TYPE_CHECKING:
    from atlantis_core.store.workspace import Workspace

_VERSION = 1

CAPTIONER = "captioner"
"""The agent whose calls are independent: each is about one photo, so no answer stands in for another."""


class _ToolCall(BaseModel):
    name: str
    args: dict[str, Any]
    id: str | None


class _Reply(BaseModel):
    text: str
    calls: list[_ToolCall]
    broken_calls: int
    finish_reason: str | None
    usage: dict[str, Any] | None


class _Call(BaseModel):
    agent: str
    key: str
    reply: _Reply


class _Approval(BaseModel):
    decision: Literal["approve", "edit", "respond", "reject", "stop"]
    protocol: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """A run's settings and the answers it received, in order."""

    spec: RunSpec
    calls: Sequence[Mapping[str, Any]]
    """`{agent, key, reply}` of every model call."""
    approvals: Sequence[Mapping[str, Any]] = ()
    """A person's decisions about protocols, in the form that `graph.running.advance` takes."""

    def reply(self, agent: str, key: str, count_given: Callable[[], int]) -> AIMessage:
        """Return the recorded answer to a call.

        A recorded call with the same key comes first, so that a step that runs again after a kill gets the same
        answer. If the prompt's wording has changed since, the agent's next answer is returned: `count_given` reads
        from the trace how many it has had. Never for a caption, since that answer is about another photo.

        Raises:
            ProviderUnavailable: The recording has no further answer for this agent, or no caption of this photo.
        """
        of_agent = [call for call in self.calls if call["agent"] == agent]
        same = next((call for call in of_agent if call["key"] == key), None)
        if same is None and agent == CAPTIONER:
            raise ProviderUnavailable("the recording has no caption of this photo")
        found = same or next(iter(of_agent[count_given() :]), None)
        if found is None:
            raise ProviderUnavailable(f"the recording ends here: it has {len(of_agent)} answers for {agent!r}")
        return reply_from_json(found["reply"])


def collect_recording(workspace: Workspace, run_id: str) -> Recording:
    """Collect a run's settings and answers from its trace; a `SetupError` if it called no chat model."""
    run = workspace.runs.get(run_id)
    calls = [
        {"agent": event["input"]["agent"], "key": event["input"]["key"], "reply": event["output"]["reply"]}
        for event in workspace.events.of_kind(run.id, "model")
        if isinstance(event["output"], dict) and "reply" in event["output"]
    ]
    if not calls:
        raise SetupError(f"run {run.id!r} called no chat model, so there is nothing to replay; run it again instead")
    return Recording(run.spec, calls, collect_approvals(workspace, run.id))


def collect_approvals(workspace: Workspace, run_id: str) -> list[Mapping[str, Any]]:
    """Return people's decisions about a run's protocols, oldest first."""
    decided = (event["output"] for event in workspace.events.of_kind(run_id, "approval"))
    return [read_recorded_answer(output["answer"]) for output in decided if output.get("by") != BY_AUTO]


def write_recording(recording: Recording, path: Path) -> None:
    """Write a recording as one JSON file, without any key or photo; a `SetupError` if it cannot be written."""
    facts = {"version": _VERSION} | as_json(recording)
    try:
        path.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise SetupError(f"recording {str(path)!r} cannot be written: {error.strerror}") from error


def read_recording(path: Path) -> Recording:
    """Read a file that `write_recording` wrote; a `SetupError` if it is not one."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
        if facts["version"] != _VERSION:
            raise SetupError(
                f"recording {str(path)!r} has version {facts['version']!r}; this program reads version {_VERSION}"
            )
        TypeAdapter(list[_Call]).validate_python(facts["calls"])
        TypeAdapter(list[_Approval]).validate_python(facts["approvals"])
        approvals = [read_recorded_answer(answer) for answer in facts["approvals"]]
        return Recording(from_json(RunSpec, facts["spec"]), facts["calls"], approvals)
    except OSError as error:
        raise SetupError(f"recording {str(path)!r} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise SetupError(f"{str(path)!r} is not a recording; `atlantis record RUN FILE` writes one") from error


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def reply_to_json(reply: AIMessage) -> dict[str, Any]:
    """Return the text, tool calls, finish reason and usage of an answer as JSON data."""
    return {
        "text": reply.text,
        "calls": [{"name": call["name"], "args": call["args"], "id": call["id"]} for call in reply.tool_calls],
        "broken_calls": len(reply.invalid_tool_calls),
        "finish_reason": reply.response_metadata.get("finish_reason"),
        "usage": dict(reply.usage_metadata) if reply.usage_metadata else None,
    }


def reply_from_json(facts: Mapping[str, Any]) -> AIMessage:
    """Rebuild an answer from the output of `reply_to_json`."""
    broken: Any = [{"name": None, "args": None, "id": None, "error": None}] * facts["broken_calls"]
    return AIMessage(
        facts["text"],
        tool_calls=[{**call, "type": "tool_call"} for call in facts["calls"]],
        invalid_tool_calls=broken,
        response_metadata={"finish_reason": facts["finish_reason"]} if facts["finish_reason"] else {},
        usage_metadata=facts["usage"],
    )
