"""Assembles a streamed answer strictly, so that nothing that was cut off passes for complete.

LangChain completes the arguments of streamed calls: `{"a": 2, "b": 3` becomes a valid call, and a stream that ends
early raises no error. So the chunks are joined and their arguments parsed here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk


def assemble_reply(chunks: Iterable[AIMessageChunk], hear: Callable[[str], None]) -> AIMessage:
    """Join a streamed answer strictly; a `ValueError` if it ended without a finish reason."""
    joined: AIMessageChunk | None = None
    for chunk in chunks:
        if chunk.text:
            hear(chunk.text)
        joined = chunk if joined is None else joined + chunk
    if joined is None or not joined.response_metadata.get("finish_reason"):
        raise ValueError("the stream was cut off before the answer was complete")
    calls, broken = _split_calls(joined)
    return AIMessage(
        joined.text,
        tool_calls=calls,
        invalid_tool_calls=broken,
        response_metadata={"finish_reason": joined.response_metadata["finish_reason"]},
        usage_metadata=joined.usage_metadata,
    )


def _split_calls(joined: AIMessageChunk) -> tuple[list[Any], list[Any]]:
    """Return the calls whose raw arguments are complete, and the others."""
    calls, broken = [], []
    for piece in joined.tool_call_chunks:
        arguments = _parse_object(piece["args"] or "{}")
        if arguments is None or not piece["name"]:
            broken.append({"name": piece["name"], "args": piece["args"], "id": piece["id"], "error": "incomplete"})
        else:
            calls.append({"name": piece["name"], "args": arguments, "id": piece["id"], "type": "tool_call"})
    return calls, broken


def _parse_object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
