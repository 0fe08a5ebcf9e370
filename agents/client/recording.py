"""Recordings: what chat models and the person answered in a run, to be answered again without a key."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from langchain_core.messages import AIMessage
from pydantic import BaseModel, TypeAdapter

from atlantis_core.base.errors import ProviderUnavailable, SetupError
from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.records import RunSpec
from atlantis_core.run.approval import BY_AUTO

if TYPE_CHECKING:
    from atlantis_core.store.workspace import Workspace

_VERSION = 1


class _Asked(BaseModel):
    name: str
    args: dict[str, Any]
    id: str | None


class _Reply(BaseModel):
    text: str
    calls: list[_Asked]
    broken_calls: int
    finish_reason: str | None
    usage: dict[str, Any] | None


class _Call(BaseModel):
    agent: str
    key: str
    reply: _Reply


class _Approval(BaseModel):
    decision: Literal["approve", "reject", "edit"]
    protocol: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """A run's settings and the answers it was given, in order."""

    spec: RunSpec
    calls: Sequence[Mapping[str, Any]]
    """`{agent, key, reply}` of every call."""
    approvals: Sequence[Mapping[str, Any]] = ()
    """What a person decided about protocols, as `graph.running.advance` takes it."""

    def reply(self, agent: str, key: str, place: int) -> AIMessage:
        """Return the answer to a call.

        The call with the same address is answered first, so that a step which runs again after a kill gets the same
        answer; where wordings have changed since, the agent's next answer in order.

        Args:
            agent: Who asks.
            key: The call's content address.
            place: How many answers this agent was given before.

        Raises:
            ProviderUnavailable: The recording holds no further answer for this agent.
        """
        of_agent = [call for call in self.calls if call["agent"] == agent]
        same = next((call for call in of_agent if call["key"] == key), None)
        found = same or (of_agent[place] if place < len(of_agent) else None)
        if found is None:
            raise ProviderUnavailable(f"the recording ends here: it holds {len(of_agent)} answers for {agent!r}")
        return reply_from_json(found["reply"])


def collect_recording(workspace: Workspace, run_id: str) -> Recording:
    """Return what a run's trace holds of answers.

    Raises:
        SetupError: No such run, or no chat model was asked in it.
    """
    run = workspace.runs.get(run_id)
    calls = [
        {"agent": event["input"]["agent"], "key": event["input"]["key"], "reply": event["output"]["reply"]}
        for event in workspace.events.of_kind(run.id, "model")
        if isinstance(event["output"], dict) and "reply" in event["output"]
    ]
    if not calls:
        raise SetupError(f"run {run.id!r} asked no chat model, so there is nothing to replay: do it again as it was")
    return Recording(run.spec, calls, collect_approvals(workspace, run.id))


def collect_approvals(workspace: Workspace, run_id: str) -> list[Mapping[str, Any]]:
    """Return what people decided about a run's protocols, oldest first."""
    decided = (event["output"] for event in workspace.events.of_kind(run_id, "approval"))
    return [output["answer"] for output in decided if output.get("by") != BY_AUTO]


def write_recording(recording: Recording, path: Path) -> None:
    """Write a recording as one JSON file; it holds no key and no photo.

    Raises:
        SetupError: The file cannot be written.
    """
    facts = {"version": _VERSION} | as_json(recording)
    try:
        path.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise SetupError(f"recording {str(path)!r} cannot be written: {error.strerror}") from error


def read_recording(path: Path) -> Recording:
    """Read what `write_recording` wrote.

    Raises:
        SetupError: The file is not there, or no recording.
    """
    try:
        facts = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refused)
        if facts["version"] != _VERSION:
            raise SetupError(
                f"recording {str(path)!r} has version {facts['version']!r}; this program reads {_VERSION}"
            )
        TypeAdapter(list[_Call]).validate_python(facts["calls"])
        TypeAdapter(list[_Approval]).validate_python(facts["approvals"])
        return Recording(from_json(RunSpec, facts["spec"]), facts["calls"], facts["approvals"])
    except OSError as error:
        raise SetupError(f"recording {str(path)!r} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise SetupError(f"{str(path)!r} is no recording; `atlantis record RUN FILE` writes one") from error


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def reply_to_json(reply: AIMessage) -> dict[str, Any]:
    """Return what of an answer is used here, as data."""
    return {
        "text": reply.text,
        "calls": [{"name": call["name"], "args": call["args"], "id": call["id"]} for call in reply.tool_calls],
        "broken_calls": len(reply.invalid_tool_calls),
        "finish_reason": reply.response_metadata.get("finish_reason"),
        "usage": dict(reply.usage_metadata) if reply.usage_metadata else None,
    }


def reply_from_json(facts: Mapping[str, Any]) -> AIMessage:
    """Rebuild an answer from what `reply_to_json` made of it."""
    broken: Any = [{"name": None, "args": None, "id": None, "error": None}] * facts["broken_calls"]
    return AIMessage(
        facts["text"],
        tool_calls=[{**call, "type": "tool_call"} for call in facts["calls"]],
        invalid_tool_calls=broken,
        response_metadata={"finish_reason": facts["finish_reason"]} if facts["finish_reason"] else {},
        usage_metadata=facts["usage"],
    )
