"""What several tools take, and how a tool answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp_types import CallToolResult, TextContent
from pydantic import Field

from atlantis_core.base.text import clean_text, quote
from atlantis_dml.mcp.desk import McpDesk

Caller = Context[McpDesk, Any]
"""The request of a client; `find_desk` returns what it acts on."""

RunId = Annotated[str, Field(description="A run's id, its first characters, or `last`.")]
ProtocolHash = Annotated[
    str, Field(description="The `hash` of the protocol that the person was shown, from run_status or wait_run.")
]
By = Annotated[
    str,
    Field(min_length=1, max_length=80, description="The person who decided, by name; never the name of a model."),
]
Data = Annotated[str, Field(description="A collection of this server; its instructions list them.")]

_LONGEST_LINE = 400


def find_desk(context: Caller) -> McpDesk:
    """Return what the tools act on."""
    return context.request_context.lifespan_context


def give_answer(lines: Iterable[str], facts: Mapping[str, Any]) -> CallToolResult:
    """Return a tool's answer: lines for a model to read, and the same facts as data."""
    text = "\n".join(lines)
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=dict(facts))


def quote_line(text: str) -> str:
    """Return a text that may contain names of the collection as one quoted line, so that it reads as data."""
    return quote(clean_text(text, _LONGEST_LINE))
