"""The interface of the host, the agent that talks with the person: by rules, or with a chat model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, BaseMessage


class Host(Protocol):
    """Turns a person's sentences into calls of the desk's tools, and the tools' results into answers."""

    name: str

    def reply(
        self, messages: Sequence[BaseMessage], situation: str, hear: Callable[[str], None] | None = None
    ) -> AIMessage:
        """Return an answer, or one tool call with or without text.

        Args:
            messages: The conversation so far; the last message is the person's or a tool's result.
            situation: The current situation as code sees it; its first line is `status: WORD`.
            hear: Called with each piece of text as it arrives.

        Raises:
            ProviderUnavailable: The chat model cannot be reached or refuses.
            BudgetExceeded: The dollars left do not pay for another answer.
        """
