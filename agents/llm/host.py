"""The host with a chat model: each call has the desk's tools and the current situation, written by code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.utils import count_tokens_approximately, trim_messages

from atlantis_dml.prompts import render
from atlantis_dml.tools.desk import make_desk_tools

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlantis_dml.agents.client.calls import ModelCalls

HISTORY_TOKENS = 2600
"""For the newest part of the conversation; with instructions, tools and situation a prompt stays below 5,000."""

_SITUATION = 2400
"""Characters of the situation that are sent."""

_RESULT = 1600
"""Characters of each tool result that are sent."""


class ChatHost:
    """Asks a chat model for the next answer or tool call."""

    def __init__(self, calls: ModelCalls) -> None:
        self.name = calls.name
        self._calls, self._tools = calls, make_desk_tools()

    def reply(
        self, messages: Sequence[BaseMessage], situation: str, hear: Callable[[str], None] | None = None
    ) -> AIMessage:
        """Return the model's answer; see `Host.reply`."""
        now = HumanMessage(render("host_situation", situation=situation[:_SITUATION]))
        prompt = [SystemMessage(render("host")), now, *_trim(_clean(messages))]
        return self._calls.ask("host", prompt, self._tools, hear)


def _clean(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Drop tool calls that a kill left without a result, which providers refuse, and shorten long results."""
    results = {message.tool_call_id for message in messages if isinstance(message, ToolMessage)}
    cleaned: list[BaseMessage] = []
    for message in messages:
        if isinstance(message, AIMessage) and any(call["id"] not in results for call in message.tool_calls):
            continue
        is_long = isinstance(message, ToolMessage) and len(message.text) > _RESULT
        cleaned.append(message.model_copy(update={"content": message.text[:_RESULT]}) if is_long else message)
    return cleaned


def _trim(messages: list[BaseMessage]) -> list[BaseMessage]:
    """Return the newest messages that fit, and always the last turn."""
    fitting = trim_messages(
        messages,
        max_tokens=HISTORY_TOKENS,
        token_counter=count_tokens_approximately,
        strategy="last",
        start_on="human",
        allow_partial=False,
    )
    if fitting:
        return fitting
    last = max((n for n, message in enumerate(messages) if isinstance(message, HumanMessage)), default=0)
    return messages[last:]
