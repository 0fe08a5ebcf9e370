"""The host with a chat model: the desk's tools are bound; where things stand is told by code in every call."""

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
"""Of the conversation, the newest that fits; with instructions, tools and situation a prompt stays below 5,000."""

_SITUATION = 2400
"""Letters of the situation that are sent."""

_RESULT = 1600
"""Letters of an earlier tool result that are sent."""


class ChatHost:
    """Asks a chat model what to answer.

    Args:
        calls: The conversation's chat models.
    """

    def __init__(self, calls: ModelCalls) -> None:
        self.name = calls.name
        self._calls, self._tools = calls, make_desk_tools()

    def reply(
        self, messages: Sequence[BaseMessage], situation: str, hear: Callable[[str], None] | None = None
    ) -> AIMessage:
        """Return the model's answer; see `Host.reply`."""
        now = HumanMessage(render("host_situation", situation=situation[:_SITUATION]))
        prompt = [SystemMessage(render("host")), now, *_newest(_answered(messages))]
        return self._calls.ask("host", prompt, self._tools, hear)


def _answered(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return the conversation less calls that a kill left without a result: providers refuse those."""
    results = {message.tool_call_id for message in messages if isinstance(message, ToolMessage)}
    whole: list[BaseMessage] = []
    for message in messages:
        if isinstance(message, AIMessage) and any(call["id"] not in results for call in message.tool_calls):
            continue
        short = isinstance(message, ToolMessage) and len(message.text) > _RESULT
        whole.append(message.model_copy(update={"content": message.text[:_RESULT]}) if short else message)
    return whole


def _newest(messages: list[BaseMessage]) -> list[BaseMessage]:
    """Return the newest messages that fit; the last turn is always among them."""
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
