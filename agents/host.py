"""The host: whoever talks with the person. Two implementations, one interface."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, BaseMessage


class Host(Protocol):
    """Turns what a person says into calls of the desk's tools, and their results into answers."""

    name: str

    def reply(
        self, messages: Sequence[BaseMessage], situation: str, hear: Callable[[str], None] | None = None
    ) -> AIMessage:
        """Return an answer, or one call of a tool with or without words.

        Args:
            messages: The conversation so far; the last is the person's, or a tool's result.
            situation: Where things stand, from code; its first line is `status: WORD`.
            hear: Told the words while they come.

        Raises:
            ProviderUnavailable: The chat model cannot be reached or refuses.
            BudgetExceeded: The dollars do not pay for another answer.
        """
        ...
