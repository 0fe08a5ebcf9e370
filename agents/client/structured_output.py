"""Asks a chat model for one JSON object and validates it; an invalid answer is sent back with its error."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel, ValidationError

from atlantis_core.base.errors import InvalidProtocol, NoUsableReply
from atlantis_core.prompting.parsing import extract_json
from atlantis_dml.agents.client.calls import COMPLETE

if TYPE_CHECKING:
    from atlantis_dml.agents.client.calls import ModelCalls

Answer = TypeVar("Answer", bound=BaseModel)
Result = TypeVar("Result")

ATTEMPTS = 3
"""Answers that a model may give before the rules take over."""

_SHOWN = 2000
"""Characters of an invalid answer that are sent back with its error."""


def ask_for_object(
    calls: ModelCalls,
    agent: str,
    system: str,
    facts: str,
    kind: type[Answer],
    use: Callable[[Answer], Result],
    attempts: int = ATTEMPTS,
    jpeg: bytes | None = None,
) -> Result:
    """Ask for one JSON object and return the result of `use` on it.

    The object is requested as plain text, which every compatible service supports. Slightly broken JSON is
    repaired; every other error is sent back to the model.

    `use` turns the object into the result, and raises `InvalidProtocol` or `ValueError` if it cannot. The
    instructions in `system` are the same in every call, so that providers can cache them. An image is sent after
    `facts`.

    Raises:
        NoUsableReply: `attempts` answers could not be used.
        ProviderUnavailable, BudgetExceeded: See `ModelCalls.ask`.
    """
    messages: list[BaseMessage] = [SystemMessage(system), _write_question(facts, jpeg)]
    problem = ""
    for _ in range(attempts):
        reply = calls.ask(agent, messages)
        try:
            if reply.response_metadata.get("finish_reason") not in COMPLETE:  # a cut list would pass for a full one
                raise ValueError("it was cut off; be shorter")
            return use(kind.model_validate(extract_json(reply.text)))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            problem = f"{'.'.join(map(str, first['loc'])) or 'the object'}: {first['msg']}"
        except (InvalidProtocol, ValueError) as error:
            problem = str(error)
        complaint = f"That answer cannot be used: {problem}. Answer again with one JSON object and nothing else."
        messages = [*messages[:2], AIMessage(reply.text[:_SHOWN] or "(empty)"), HumanMessage(complaint)]
    raise NoUsableReply(f"the {agent} agent's model gave no usable answer in {attempts} tries; the last: {problem}")


def _write_question(facts: str, jpeg: bytes | None) -> HumanMessage:
    if jpeg is None:
        return HumanMessage(facts)
    return HumanMessage([{"type": "text", "text": facts}, encode_image(jpeg)])


def encode_image(jpeg: bytes) -> dict[str, Any]:
    """Return an image as a part of a message."""
    url = "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
    return {"type": "image_url", "image_url": {"url": url}}
