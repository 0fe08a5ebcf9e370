"""Calls of a run's chat models: booked, cached, traced and redacted; a fallback model answers if the first fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, BaseMessage, message_to_dict
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.utils.function_calling import convert_to_openai_tool

from atlantis_core.base.errors import BudgetExceeded, ProviderUnavailable
from atlantis_core.base.hashing import content_hash
from atlantis_core.run.cost_tracker import count_tokens
from atlantis_dml.agents.client.provider_errors import translate_provider_errors
from atlantis_dml.agents.client.recording import Recording, reply_from_json, reply_to_json
from atlantis_dml.agents.client.redaction import Redact, redact_reply
from atlantis_dml.agents.client.streaming import assemble_reply

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.tools import BaseTool

    from atlantis_core.run.cost_tracker import CostTracker
    from atlantis_core.store.workspace import Workspace

Hear = Callable[[str], None]
"""Called with each piece of an answer's text as it arrives."""

COMPLETE = frozenset({None, "stop", "tool_calls", "function_call"})
"""Finish reasons of an answer that was not cut off."""

IMAGE_TOKENS = 1000
"""Tokens of an image of at most 768 px a side, estimated: 765 by OpenAI's tiles of 512 px (85 + 4 x 170), 786 by
Anthropic's width x height / 750, up to 950 by OpenAI's patches of 32 px. Booked is what the provider counts."""

_TOKEN_MARGIN = 1.3
"""Factor on the token count, which is estimated from characters and too low for many scripts."""


@dataclass(frozen=True, slots=True)
class ChatModel:
    """A chat model and its name, such as `openai:MODEL`."""

    name: str
    model: BaseChatModel


class ModelCalls:
    """Calls the chat models of one run.

    Answers are cached for all runs of the workspace: an identical call is answered from the cache, so a killed run
    pays for no answer twice.

    Args:
        name: Of the model, also if a recording answers in its place.
        models: In the order in which they are tried; the next one is called if one fails.
        cost_tracker: Books the calls and limits their cost.
        address: Of the service; part of the cache key, since services differ under one model name.
        redact: Removes the provider's key from traced prompts and from answers.
        recording: If given, answers in place of the models.
    """

    def __init__(
        self,
        name: str,
        models: Sequence[ChatModel],
        workspace: Workspace,
        run_id: str,
        cost_tracker: CostTracker,
        address: str = "",
        redact: Redact = str,
        recording: Recording | None = None,
    ) -> None:
        self.name, self.address = name, address
        self._models, self._workspace, self._run_id = models, workspace, run_id
        self._cost_tracker, self._redact, self._recording = cost_tracker, redact, recording

    def ask(
        self,
        agent: str,
        messages: Sequence[BaseMessage],
        tools: Sequence[BaseTool] = (),
        hear: Hear | None = None,
        *,
        several: bool = False,
    ) -> AIMessage:
        """Return the model's answer: its text, tool calls, usage and finish reason.

        `agent` names the caller in the trace. With `hear`, which gets each piece of text as it arrives, tool
        arguments are parsed strictly. `several` lets the answer have more than one tool call.

        Raises:
            ProviderUnavailable: No model can be reached, or the recording has no further answer.
            BudgetExceeded: The dollars left do not pay for another call.
        """
        prompt = [message_to_dict(message) for message in messages]
        schemas = [convert_to_openai_tool(tool) for tool in tools]
        key = content_hash("chat", [self.name, self.address, [_identify(one) for one in prompt], schemas])
        traced = {
            "agent": agent,
            "key": key,
            "messages": [{"type": one["type"], "content": self._clean(one["data"]["content"])} for one in prompt],
            "tools": [tool.name for tool in tools],
        }
        with self._workspace.events.span(self._run_id, "model", self.name, traced) as span:
            known = self._find_reply(agent, key)
            reply, source = known or self._call_models(messages, tools, hear, several)
            if known is None:
                span.tokens = count_tokens(reply.usage_metadata)
                span.usd = self._cost_tracker.book(reply.usage_metadata, source, f"chat/{span.id}")
                if is_complete(reply) and (reply.tool_calls or reply.text.strip()):  # else a later call may get more
                    self._workspace.results.add(key, "chat", {"reply": reply_to_json(reply)}, 0.0)
            span.output = {"from": source, "reply": reply_to_json(reply)}
        return reply

    def ask_each(self, agent: str, prompts: Sequence[Sequence[BaseMessage]]) -> list[AIMessage | ProviderUnavailable]:
        """Ask several independent questions at once, in order; one that fails has its error in its place.

        With a budget in dollars they are asked one after the other: each may cost all that is left.

        Raises:
            BudgetExceeded: The dollars left do not pay for the next call.
        """
        threads = len(prompts) if self._cost_tracker.left_usd() is None else 1

        def ask(prompt: Sequence[BaseMessage]) -> AIMessage | ProviderUnavailable:
            try:
                return self.ask(agent, prompt)
            except ProviderUnavailable as error:
                return error

        with ThreadPoolExecutor(max(1, threads)) as pool:
            running = [pool.submit(copy_context().run, ask, prompt) for prompt in prompts]
            return [one.result() for one in running]

    def _find_reply(self, agent: str, key: str) -> tuple[AIMessage, str] | None:
        """Return the recorded or cached answer to a call, and its source; None if there is neither."""
        if self._recording is not None:
            return self._recording.reply(agent, key, lambda: self._count_given(agent)), "the recording"
        kept = self._workspace.results.find(key)
        return (reply_from_json(kept["reply"]), "the cache: an identical call") if kept else None

    def _count_given(self, agent: str) -> int:
        """Count the answers that an agent has had in this run."""
        done = self._workspace.events.of_kind(self._run_id, "model")
        return sum(event["input"]["agent"] == agent for event in done)

    def _call_models(
        self, messages: Sequence[BaseMessage], tools: Sequence[BaseTool], hear: Hear | None, several: bool
    ) -> tuple[AIMessage, str]:
        problems: list[ProviderUnavailable] = []
        for chat in self._models:
            bound = _bind(chat.model, tools, several)
            about = int(_TOKEN_MARGIN * count_prompt_tokens(messages, tools))
            limit = self._cost_tracker.affordable_tokens(chat.name, about)
            if limit == 0:
                raise BudgetExceeded("the dollars left do not pay for another call of the chat model")
            try:
                with translate_provider_errors(chat.name, self._redact):
                    return redact_reply(_invoke(bound, messages, limit, hear), self._redact), chat.name
            except ProviderUnavailable as error:
                problems.append(error)
        kind = type(problems[0]) if len(problems) == 1 else ProviderUnavailable
        raise kind("; ".join(map(str, problems)) or "there is no chat model")

    def _clean(self, content: Any) -> Any:
        """Return what the trace shows of a message: without keys, and of an image only its content hash."""
        if isinstance(content, str):
            return self._redact(content)
        return [
            {"type": "text", "text": self._redact(part["text"])}
            if part["type"] == "text"
            else {"type": part["type"], "hash": content_hash("part", part)}
            for part in content
        ]


def count_prompt_tokens(messages: Sequence[BaseMessage], tools: Sequence[BaseTool] = ()) -> int:
    """Estimate the tokens of a prompt, including its images and the schemas of its tools."""
    return int(count_tokens_approximately(messages, tools=list(tools), tokens_per_image=IMAGE_TOKENS))


def is_complete(reply: AIMessage) -> bool:
    """Whether an answer was not cut off and contains no invalid tool call."""
    return reply.response_metadata.get("finish_reason") in COMPLETE and not reply.invalid_tool_calls


def _identify(message: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of a message that identify a call; ids are random and left out."""
    data = message["data"]
    calls = [{"name": call["name"], "args": call["args"]} for call in data.get("tool_calls", [])]
    return {"type": message["type"], "content": data["content"], "calls": calls}


def _bind(model: BaseChatModel, tools: Sequence[BaseTool], several: bool) -> Any:
    """Return a model with its tools; unless `several`, it is asked for one call at a time."""
    if not tools:
        return model
    single: dict[str, Any] = {} if several else {"parallel_tool_calls": False}
    return model.bind_tools(list(tools), **single)


def _invoke(model: Any, messages: Sequence[BaseMessage], limit: int | None, hear: Hear | None) -> AIMessage:
    limits = {} if limit is None else {"max_tokens": limit}
    if hear is None:
        return model.invoke(list(messages), **limits)  # type: ignore[no-any-return]  # a bound model is untyped
    return assemble_reply(model.stream(list(messages), **limits), hear)
