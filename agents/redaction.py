"""Keeping the key out of everything that is written down: a provider or a model may repeat it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage
    from pydantic import SecretStr

HIDDEN = "[key]"

Redact = Callable[[str], str]


def redaction_of(secret: SecretStr | None) -> Redact:
    """Return a function that takes a secret out of a text."""
    value = secret.get_secret_value() if secret else ""
    return lambda text: text.replace(value, HIDDEN) if value else text


def redacted(decision: AIMessage, redact: Redact) -> AIMessage:
    """Return what of a model's message is used here, without the secret: text, calls, usage and finish reason."""
    calls = [{**call, "args": json.loads(redact(json.dumps(call["args"])))} for call in decision.tool_calls]
    content = decision.content if isinstance(decision.content, str) else decision.text
    return decision.model_copy(update={"content": redact(content), "tool_calls": calls})
