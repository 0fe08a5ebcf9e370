"""Keeping the key out of everything that is written down: a provider or a model may repeat it."""

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
    """Return a function that takes secrets out of a text."""
    values = sorted(filter(None, (secret.get_secret_value() for secret in secrets)), key=len, reverse=True)

    def redact(text: str) -> str:
        for value in values:
            text = text.replace(value, REDACTED)
        return text

    return redact


def redact_reply(decision: AIMessage, redact: Redact) -> AIMessage:
    """Return what of a model's message is used here, without the secret: text, calls, usage and finish reason.

    What cannot be kept or sent again goes too: half characters become `?`, and a call with NaN, infinity or a
    number of more than 64 bits in its arguments becomes an invalid one.
    """
    calls: list[Any] = []
    broken = list(decision.invalid_tool_calls)
    for call in decision.tool_calls:
        try:
            written = json.dumps(call, ensure_ascii=False, allow_nan=False)
            calls.append(json.loads(redact(_whole(written)), parse_int=_storable))
        except ValueError:
            broken.append({"type": "invalid_tool_call", "name": None, "args": None, "id": None, "error": "no JSON"})
    content = decision.content if isinstance(decision.content, str) else decision.text
    changed = {"content": redact(_whole(content)), "tool_calls": calls, "invalid_tool_calls": broken}
    return decision.model_copy(update=changed)


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _storable(digits: str) -> int:
    number = int(digits)
    if number.bit_length() > _MOST_BITS:
        raise ValueError(f"{digits[:20]}... is too large a number for a checkpoint")
    return number
