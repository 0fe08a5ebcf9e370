"""Maps events to OpenTelemetry's conventions for generative AI (semantic-conventions 1.41).

The conventions have the status "development", so names may change. They cover agents, chats, tools and workflows;
other kinds (judging, approving, training) keep their own names under `atlantis.*`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from atlantis_core.store.events import Event

AGENT_KINDS = {"planner": "planner", "critique": "critic", "host": "host"}
"""Kind of event -> name of the agent."""

_PROVIDERS = {"openai": "openai", "azure": "azure.ai.openai"}
_ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool"}


def format_span_name(event: Event) -> str:
    """Return the name of an event's span."""
    kind, name = event["kind"], event["name"]
    if kind == "run":
        return "invoke_workflow atlantis"
    if kind == "tool":
        return f"execute_tool {name}"
    if kind == "model":
        return f"chat {_model(name)}"
    if kind in AGENT_KINDS:
        return f"invoke_agent {AGENT_KINDS[kind]}"
    return f"{kind} {name}"


def build_attributes(event: Event) -> dict[str, Any]:
    """Return the conventions' attributes of an event."""
    kind = event["kind"]
    if kind == "run":
        return {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "atlantis"}
    if kind == "tool":
        return {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": event["name"],
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.arguments": event["input"],
            "gen_ai.tool.call.result": event.get("output"),
        }
    if kind == "model":
        return _chat(event)
    if kind in AGENT_KINDS:
        found = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": AGENT_KINDS[kind]}
        return found | (_service(event["name"]) if kind != "critique" and ":" in event["name"] else {})
    return {}


def find_error_type(event: Event) -> str | None:
    """Return the class of a failed event's error."""
    if event["status"] != "failed":
        return None
    output = event.get("output")
    first = output.partition(":")[0] if isinstance(output, str) else ""
    return first if first.isidentifier() else "_OTHER"


def _chat(event: Event) -> dict[str, Any]:
    given, output = event["input"] or {}, event.get("output")
    reply = output.get("reply") if isinstance(output, Mapping) else None
    found: dict[str, Any] = {"gen_ai.operation.name": "chat", **_service(event["name"])}
    found["gen_ai.agent.name"] = given.get("agent")
    found["gen_ai.input.messages"] = [_format_input(message) for message in given.get("messages", [])] or None
    if reply:
        found["gen_ai.output.messages"] = [_format_output(reply)]
        found["gen_ai.response.finish_reasons"] = [reply["finish_reason"]] if reply.get("finish_reason") else None
    if reply and event.get("tokens"):  # cached answers use none
        usage = reply.get("usage") or {}
        found |= {f"gen_ai.usage.{side}": usage.get(side) for side in ("input_tokens", "output_tokens")}
        cached = (usage.get("input_token_details") or {}).get("cache_read")
        found |= {"gen_ai.usage.cache_read.input_tokens": cached} if cached else {}
    return found


def _service(name: str) -> dict[str, Any]:
    provider = name.partition(":")[0]
    return {"gen_ai.provider.name": _PROVIDERS.get(provider, provider), "gen_ai.request.model": _model(name)}


def _model(name: str) -> str:
    return name.partition(":")[2] or name


def _format_input(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message["content"]
    parts: Sequence[Any] = content if isinstance(content, list) else [{"type": "text", "text": content}]
    formatted = [{"type": "text", "content": part["text"]} if part["type"] == "text" else part for part in parts]
    return {"role": _ROLES.get(message["type"], message["type"]), "parts": formatted}


def _format_output(reply: Mapping[str, Any]) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"type": "text", "content": reply["text"]}] if reply["text"] else []
    parts += [
        {"type": "tool_call", "id": call["id"], "name": call["name"], "arguments": call["args"]}
        for call in reply["calls"]
    ]
    return {"role": "assistant", "parts": parts, "finish_reason": reply.get("finish_reason")}
