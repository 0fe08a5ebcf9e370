"""Every call of a chat model in one place: paid once, kept, traced, redacted, and answered by a fallback model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
"""Told the text of an answer piece by piece, while it comes."""

COMPLETE = frozenset({None, "stop", "tool_calls", "function_call"})
"""Finish reasons of an answer that was not cut off."""

_TOKENS_DOUBT = 1.3
"""Tokens are counted by letters here; other scripts take more than that says."""


@dataclass(frozen=True, slots=True)
class ChatModel:
    """A chat model by the name it is known by, `openai:MODEL`."""

    name: str
    model: BaseChatModel


class ModelCalls:
    """Calls the chat models of one run.

    An identical call is answered from what was kept of the first, in any run of the workspace: one that was
    answered before a kill is not paid again.

    Args:
        name: Of the model whose answers these are, also where a recording gives them.
        models: The first is asked; the next one answers where it fails.
        workspace: Holds receipts and the trace.
        run_id: Whose calls these are.
        purse: Pays.
        address: Where the models answer: another service may say something else.
        redact: Takes the provider's key out of what is sent and said.
        recording: Answers in the models' place.
    """

    def __init__(
        self,
        name: str,
        models: Sequence[ChatModel],
        workspace: Workspace,
        run_id: str,
        purse: CostTracker,
        address: str = "",
        redact: Redact = str,
        recording: Recording | None = None,
    ) -> None:
        self.name = name
        self._models, self._workspace, self._run_id = models, workspace, run_id
        self._purse, self._address, self._redact, self._recording = purse, address, redact, recording

    def ask(
        self,
        agent: str,
        messages: Sequence[BaseMessage],
        tools: Sequence[BaseTool] = (),
        hear: Hear | None = None,
    ) -> AIMessage:
        """Return the model's answer; text, calls, usage and finish reason of it.

        Args:
            agent: Who asks: `planner`, `protocol` ...; shown in the trace.
            messages: The prompt.
            tools: What the model may call.
            hear: Told the text while it comes; arguments of calls are then checked as they were sent.

        Raises:
            ProviderUnavailable: No model can be reached, or the recording holds no answer.
            BudgetExceeded: The dollars do not pay for another call.
        """
        asked = [message_to_dict(message) for message in messages]
        sent = [{"type": one["type"], "content": self._clean(one["data"]["content"])} for one in asked]
        schemas = [convert_to_openai_tool(tool) for tool in tools]
        key = content_hash("chat", [self.name, self._address, [_addressed(one) for one in asked], schemas])
        given = {"agent": agent, "key": key, "messages": sent, "tools": [tool.name for tool in tools]}
        with self._workspace.events.span(self._run_id, "model", self.name, given) as span:
            known = self._known(agent, key)
            reply, source = known or self._asked(messages, tools, hear)
            if known is None:
                span.tokens = count_tokens(reply.usage_metadata)
                span.usd = self._purse.book(reply.usage_metadata, source, f"chat/{span.id}")
                self._keep(key, reply)
            span.output = {"from": source, "reply": reply_to_json(reply)}
        return reply

    def _known(self, agent: str, key: str) -> tuple[AIMessage, str] | None:
        """Return the recorded answer, or the one that was kept of an identical call, and where it is from."""
        if self._recording is not None:
            return self._recording.reply(agent, key, self._given_before(agent)), "the recording"
        kept = self._workspace.receipts.find(key)
        return (reply_from_json(kept["reply"]), "what was kept of an identical call") if kept else None

    def _keep(self, key: str, reply: AIMessage) -> None:
        """Keep an answer, but not one that is empty or cut off: asked again later, it may be whole."""
        if is_complete(reply) and (reply.tool_calls or reply.text.strip()):
            self._workspace.receipts.file(key, "chat", {"reply": reply_to_json(reply)}, 0.0)

    def _asked(
        self, messages: Sequence[BaseMessage], tools: Sequence[BaseTool], hear: Hear | None
    ) -> tuple[AIMessage, str]:
        problems = []
        for chat in self._models:
            limit = self._limit(chat.name, messages, tools)
            try:
                with translate_provider_errors(chat.name, self._redact):
                    return redact_reply(_invoked(chat.model, messages, tools, limit, hear), self._redact), chat.name
            except ProviderUnavailable as error:
                problems.append(str(error))
        raise ProviderUnavailable("; ".join(problems) or "there is no chat model")

    def _limit(self, name: str, messages: Sequence[BaseMessage], tools: Sequence[BaseTool]) -> int | None:
        about = _TOKENS_DOUBT * count_prompt_tokens(messages, tools)
        limit = self._purse.affordable_tokens(name, int(about))
        if limit == 0:
            raise BudgetExceeded("the dollars that are left do not pay for another call of the chat model")
        return limit

    def _given_before(self, agent: str) -> int:
        """Return how many answers this agent was given in this run: where a recording goes on after a restart."""
        done = self._workspace.events.of_kind(self._run_id, "model")
        return sum(event["input"]["agent"] == agent for event in done)

    def _clean(self, content: Any) -> Any:
        return self._redact(content) if isinstance(content, str) else content


def count_prompt_tokens(messages: Sequence[BaseMessage], tools: Sequence[BaseTool] = ()) -> int:
    """Return about how many tokens a prompt takes, its tools' schemas included."""
    return int(count_tokens_approximately(messages, tools=list(tools)))


def is_complete(reply: AIMessage) -> bool:
    """Whether an answer was neither cut off nor holds a call that could not be read."""
    return reply.response_metadata.get("finish_reason") in COMPLETE and not reply.invalid_tool_calls


def _addressed(message: dict[str, Any]) -> dict[str, Any]:
    """Return what of a message makes a call identical to another: not the random ids of messages."""
    data = message["data"]
    calls = [{"name": call["name"], "args": call["args"]} for call in data.get("tool_calls", [])]
    return {"type": message["type"], "content": data["content"], "calls": calls}


def _invoked(
    model: BaseChatModel,
    messages: Sequence[BaseMessage],
    tools: Sequence[BaseTool],
    limit: int | None,
    hear: Hear | None,
) -> AIMessage:
    able: Any = model.bind_tools(list(tools), parallel_tool_calls=False) if tools else model
    limits = {} if limit is None else {"max_tokens": limit}
    if hear is None:
        return able.invoke(list(messages), **limits)  # type: ignore[no-any-return]  # a bound model is untyped
    return assemble_reply(able.stream(list(messages), **limits), hear)
