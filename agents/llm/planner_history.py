"""The newest decisions and results that the prompt of the planner shows: within a number of tokens, in pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.messages.utils import count_tokens_approximately, trim_messages

HISTORY_TOKENS = 1800
"""For the newest decisions and results; finished rounds are summarised apart from them."""

_LETTERS = 4 * HISTORY_TOKENS
_OVERHEAD, _LEAST_RESULT = 120, 120
"""Letters: of a result beside its text, and of a result that is cut."""


def take_newest(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return the newest messages that fit, starting with a decision: providers refuse a result without its call."""
    return trim_messages(
        _shorten_newest(messages),
        max_tokens=HISTORY_TOKENS,
        token_counter=count_tokens_approximately,
        strategy="last",
        start_on="ai",
        allow_partial=False,
    )


def _shorten_newest(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Cut the newest decision and its results to what fits: a letter too many, and none would be shown."""
    start = max((place for place, one in enumerate(messages) if isinstance(one, AIMessage)), default=0)
    newest = [_cut_arguments(one) for one in messages[start:]]
    results = [one for one in newest if isinstance(one, ToolMessage)]
    others = sum(len(one.text) + len(repr(getattr(one, "tool_calls", ""))) for one in newest if one not in results)
    most = max(_LEAST_RESULT, (_LETTERS - others) // max(1, len(results)) - _OVERHEAD)
    return [*messages[:start], *(_cut_text(one, most) if one in results else one for one in newest)]


def _cut_text(message: BaseMessage, most: int) -> BaseMessage:
    return (
        message if len(message.text) <= most else message.model_copy(update={"content": f"{message.text[:most]} ..."})
    )


def _cut_arguments(message: BaseMessage) -> BaseMessage:
    """Cut the arguments of a decision where they alone would take half of the room."""
    calls = getattr(message, "tool_calls", [])
    if len(repr(calls)) <= _LETTERS // 2:
        return message
    most = _LETTERS // 2 // sum(len(call["args"]) for call in calls)

    def cut(given: Any) -> Any:
        return given if len(repr(given)) <= most else f"{repr(given)[:most]} ..."

    shown = [{**call, "args": {name: cut(given) for name, given in call["args"].items()}} for call in calls]
    return message.model_copy(update={"tool_calls": shown})
