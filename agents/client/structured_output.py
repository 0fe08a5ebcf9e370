"""Asking a chat model for data: one JSON object, checked; what is wrong with it is told and asked again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

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
"""How often a model is asked before the rules take over."""

_SHOWN = 2000
"""Letters of a useless answer that are sent back with the complaint."""


def ask_for_object(
    calls: ModelCalls, agent: str, system: str, facts: str, kind: type[Answer], use: Callable[[Answer], Result]
) -> Result:
    """Ask for one JSON object and return what `use` makes of it.

    JSON in plain text is what every compatible service can do; slightly broken JSON is mended. Everything else is
    sent back with what is wrong with it.

    Args:
        calls: The run's chat models.
        agent: Who asks.
        system: Its instructions: the same in every call, so that providers can cache them.
        facts: What it is about this time.
        kind: What the object must look like.
        use: Turns the object into what is wanted; raises `InvalidProtocol` or `ValueError` with what is wrong.

    Raises:
        NoUsableReply: Three answers could not be used.
        ProviderUnavailable, BudgetExceeded: See `ModelCalls.ask`.
    """
    messages: list[BaseMessage] = [SystemMessage(system), HumanMessage(facts)]
    wrong = ""
    for _ in range(ATTEMPTS):
        reply = calls.ask(agent, messages)
        try:
            return use(kind.model_validate(extract_json(_whole(reply))))
        except ValidationError as error:
            wrong = _first(error)
        except (InvalidProtocol, ValueError) as error:
            wrong = str(error)
        complaint = f"That cannot be used: {wrong}. Answer again with the one JSON object and nothing else."
        messages = [*messages[:2], AIMessage(reply.text[:_SHOWN] or "(empty)"), HumanMessage(complaint)]
    raise NoUsableReply(f"the {agent} agent's model gave no usable answer in {ATTEMPTS} tries; the last: {wrong}")


def _whole(reply: AIMessage) -> str:
    """Return the text of an answer that was not cut off: a shortened list would pass for a whole one."""
    if reply.response_metadata.get("finish_reason") not in COMPLETE:
        raise ValueError("it was cut off; be shorter")
    return reply.text


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where or 'the object'}: {first['msg']}"
