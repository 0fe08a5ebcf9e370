"""Reading an answer while it comes, without trusting what was cut off.

LangChain mends the arguments of streamed calls: `{"a": 2, "b": 3` becomes a valid call, and a stream that ends in
the middle is no error. So the pieces are put together and read strictly here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk


def assemble_reply(chunks: Iterable[AIMessageChunk], hear: Callable[[str], None]) -> AIMessage:
    """Put a streamed answer together; a call whose arguments are not whole JSON objects becomes an invalid one.

    Args:
        chunks: As the model streams them.
        hear: Told each piece of text.

    Raises:
        ValueError: The stream ended without a finish reason: it was cut off.
    """
    whole: AIMessageChunk | None = None
    for chunk in chunks:
        if chunk.text:
            hear(chunk.text)
        whole = chunk if whole is None else whole + chunk
    if whole is None or not whole.response_metadata.get("finish_reason"):
        raise ValueError("the stream was cut off before the answer was complete")
    calls, broken = _calls_of(whole)
    return AIMessage(
        whole.text,
        tool_calls=calls,
        invalid_tool_calls=broken,
        response_metadata={"finish_reason": whole.response_metadata["finish_reason"]},
        usage_metadata=whole.usage_metadata,
    )


def _calls_of(whole: AIMessageChunk) -> tuple[list[Any], list[Any]]:
    """Return the calls whose raw arguments are whole, and the others."""
    calls, broken = [], []
    for piece in whole.tool_call_chunks:
        arguments = _object_in(piece["args"] or "{}")
        if arguments is None or not piece["name"]:
            broken.append({"name": piece["name"], "args": piece["args"], "id": piece["id"], "error": "not whole"})
        else:
            calls.append({"name": piece["name"], "args": arguments, "id": piece["id"], "type": "tool_call"})
    return calls, broken


def _object_in(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
