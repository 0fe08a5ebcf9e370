"""A chat model that follows a script: the shipped fake for tests and for trying prompts without a key."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from pydantic import Field

_TURN = threading.Lock()


class ScriptedChatModel(BaseChatModel):
    """Answers with the entries of its script, in order; exceptions are raised, functions are called."""

    script: list[Any]
    """`AIMessage`s, exceptions, and functions from messages to an `AIMessage`."""
    requests: list[list[BaseMessage]] = Field(default_factory=list)
    """The prompt of each call."""
    bound_tools: list[str] = Field(default_factory=list)
    """Names of the tools that were bound."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, AIMessage]:
        """Remember which tools were bound; the script decides what is called."""
        del kwargs
        self.bound_tools.extend(tool.name for tool in tools if isinstance(tool, BaseTool))
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        del stop, run_manager, kwargs
        with _TURN:  # several calls at once take turns
            place = len(self.requests)
            self.requests.append(messages)
        if place >= len(self.script):
            raise RuntimeError(f"the script has only {len(self.script)} messages")
        reply = self.script[place]
        if isinstance(reply, BaseException):
            raise reply
        reply = reply(messages) if callable(reply) else reply
        return ChatResult(generations=[ChatGeneration(message=reply)])
