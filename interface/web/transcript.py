"""A conversation and its runs as one list of messages, read from the trace, so that all browsers see the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from atlantis_core.base.text import clean_text
from atlantis_core.run.approval import BY_AUTO
from atlantis_dml.app.chat_models import RULES
from atlantis_dml.text.steps import summarise_step
from atlantis_dml.views.trace import sum_cost

if TYPE_CHECKING:
    from atlantis_core.store.workspace import Workspace

Who = Literal["person", "agent"]

_LONGEST_TITLE = 140
_LONGEST_TEXT = 4000


@dataclass(frozen=True, slots=True)
class Message:
    """One message. Its text is untrusted: show it as plain text, never as markup."""

    who: Who
    text: str
    started: float
    """Seconds since the epoch."""
    title: str = ""
    """Of a collapsed message (a tool call, a critique); empty for an open one."""
    working: bool = False
    seconds: float | None = None


def build_transcript(workspace: Workspace, chat_id: str, run_ids: Iterable[str]) -> list[Message]:
    """Return all messages of a conversation and its runs, oldest first."""
    found = [message for event in workspace.events.tree(chat_id) for message in _host_messages(event)]
    for run_id in run_ids:
        found += [message for event in workspace.events.tree(run_id) for message in _run_messages(event)]
    return sorted(found, key=lambda message: message.started)


def describe_outcome(workspace: Workspace, run_id: str) -> Message:
    """Return the result of a finished run as a message, dated at the end of its last step."""
    from atlantis_core.run.summary import summarise
    from atlantis_dml.text.figures import write_headline

    ended = max(
        (event["started"] + (event["seconds"] or 0.0) for event in workspace.events.tree(run_id)), default=0.0
    )
    return Message("agent", _text(write_headline(summarise(workspace, run_id))), ended)


def _host_messages(event: Mapping[str, Any]) -> Iterator[Message]:
    """Yield a turn of the host: the person's line, the tool calls, the reply."""
    if event["kind"] != "host":
        return
    given, output = event["input"], event["output"]
    if given["calls"] == 0:
        yield Message("person", _text(given["said"]), event["started"])
    for child in event["children"]:
        if child["kind"] == "tool":
            yield _call(child)
            if plan := _plan(event, child):
                yield plan
    reply = output["text"] if isinstance(output, Mapping) else output
    if reply:
        yield Message("agent", _text(reply), event["started"] + (event["seconds"] or 0.0))


def _plan(event: Mapping[str, Any], call: Mapping[str, Any]) -> Message | None:
    """Return a plan as code wrote it, which a chat model's own words may not say whole; the rules repeat it."""
    output, is_done = call["output"], call["status"] == "done"
    if event["name"] == RULES or call["name"] != "state_goal" or not is_done or not isinstance(output, Mapping):
        return None
    return Message("agent", _text(output["text"]), call["started"])


def _run_messages(event: Mapping[str, Any]) -> Iterator[Message]:
    """Yield a step of a run: a planner decision with its calls, a round's decision, a critique, a person's note."""
    kind, output = event["kind"], event["output"]
    if kind == "planner" and isinstance(output, Mapping):
        if reason := _text(output["reason"]):
            yield Message("agent", reason, event["started"])
        for child in event["children"]:
            if child["kind"] == "tool":
                yield _call(child)
            elif child["kind"] == "approval" and child["output"] is not None:
                yield _approval(child)
    elif kind == "judge" and isinstance(output, Mapping):
        verdict = "kept" if output["kept"] else "rolled back"
        yield Message("agent", _text(f"{event['name']} is {verdict}: {output['reason']}"), event["started"])
    elif kind == "critique" and isinstance(output, Mapping):
        lines = [output["finding"], *(f"change: {change}" for change in output["changes"])]
        yield Message("agent", _text("\n".join(lines)), event["started"], f"critique of {event['name']}")
    elif kind == "person" and isinstance(output, Mapping):
        yield Message("person", _text(output["text"]), event["started"])


def _approval(event: Mapping[str, Any]) -> Message:
    """Return who approved or rejected a protocol; an approval in a form has no other message."""
    text = summarise_step(event)
    by_person = not isinstance(event["output"], Mapping) or event["output"].get("by") != BY_AUTO
    return Message("person" if by_person else "agent", _text(text[:1].upper() + text[1:]), event["started"])


def _call(event: Mapping[str, Any]) -> Message:
    given, output = event["input"] or {}, event["output"]
    failed = event["status"] == "failed"
    result = output["text"] if isinstance(output, Mapping) and "text" in output else output
    lines = [f"arguments: {json.dumps(given, ensure_ascii=False)}" if given else "no arguments"]
    if event["seconds"] is not None:
        lines.append(f"{'failed' if failed else 'result'}: {result}")
        lines += [f"cost: {tokens:,} tokens, ${usd:.4f}" for tokens, usd in [sum_cost(event)] if tokens or usd]
    arguments = ", ".join(f"{name}={value}" for name, value in given.items()) if isinstance(given, Mapping) else ""
    title = clean_text(f"{'✗ ' if failed else ''}{event['name']}({arguments})", _LONGEST_TITLE)
    working = event["seconds"] is None and event["status"] == "running"
    return Message("agent", _text("\n".join(lines)), event["started"], title, working, event["seconds"])


def _text(text: object) -> str:
    return "\n".join(clean_text(line, _LONGEST_TEXT) for line in str(text).splitlines())[:_LONGEST_TEXT]
