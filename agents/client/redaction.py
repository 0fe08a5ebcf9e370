"""Keeps the provider's key out of everything that is stored: a provider or a model may repeat it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage
    from pydantic import SecretStr

REDACTED = "[key]"

_MOST_BITS = 63

Redact = Callable[[str], str]


def build_redactor(*secrets: SecretStr) -> Redact:
    """Return a function that replaces secrets in a text."""
    values = sorted(filter(None, (secret.get_secret_value() for secret in secrets)), key=len, reverse=True)

    def redact(text: str) -> str:
        for value in values:
            text = text.replace(value, REDACTED)
        return text

    return redact


def redact_reply(decision: AIMessage, redact: Redact) -> AIMessage:
    """Return a model's message without secrets in its text and tool calls.

    What cannot be stored or sent again is replaced too: lone surrogates become `?`, and a call whose arguments
    contain NaN, infinity or an integer of more than 63 bits becomes an invalid one.
    """
    calls: list[Any] = []
    broken = list(decision.invalid_tool_calls)
    for call in decision.tool_calls:
        try:
            written = json.dumps(call, ensure_ascii=False, allow_nan=False)
            calls.append(json.loads(redact(_replace_surrogates(written)), parse_int=_parse_int))
        except ValueError:
            error = "arguments that cannot be stored"
            broken.append({"type": "invalid_tool_call", "name": None, "args": None, "id": None, "error": error})
    content = decision.content if isinstance(decision.content, str) else decision.text
    changed = {"content": redact(_replace_surrogates(content)), "tool_calls": calls, "invalid_tool_calls": broken}
    return decision.model_copy(update=changed)


def _replace_surrogates(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _parse_int(digits: str) -> int:
    number = int(digits)
    if number.bit_length() > _MOST_BITS:
        raise ValueError(f"{digits[:20]}... is too large a number for a checkpoint")
    return number
