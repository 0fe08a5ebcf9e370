"""Answers one line of a conversation, typed on a terminal or in a browser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from atlantis_core.base.errors import BudgetExceeded, ProviderUnavailable
from atlantis_dml.agents.rules.host import HELP, RuleHost

if TYPE_CHECKING:
    from atlantis_core.records import RunSpec
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.agents.client.redaction import Redact
    from atlantis_dml.agents.host import Host
    from atlantis_dml.chat.desk import ChatDesk
    from atlantis_dml.graph.conversation import Conversation

SLASH_COMMANDS = """Commands that need no model: /status /budget /approve [N] /reject [because ...] /why WORDS
  /skip WORDS /undo /stop /go /trace /help /quit"""

_WITHOUT_WORDS = frozenset({"status", "budget", "undo", "stop", "go"})
_WITH_WORDS = frozenset({"approve", "reject", "why", "skip"})
_LONGEST = 10_000
"""Characters of a line; the rest is cut off."""

_STOP_WORDS = frozenset({"stop", "pause", "halt"})
"""Words that are never sent to a chat model."""


class ChatAnswers:
    """Answers lines. The host is built for each line, since the remaining budget changes."""

    def __init__(self, conversation: Conversation, host: Callable[[], Host], redact: Redact) -> None:
        self._conversation, self._host, self._redact = conversation, host, redact
        self._rules = RuleHost()

    def answer(self, line: str, hear: Callable[[str], None]) -> str:
        """Let the host act on a line and return its reply, or a sentence if the provider fails.

        Each piece of the reply is passed to `hear` as it arrives.
        """
        line = self.redacted(line)
        if line.startswith("/") and _command(line) in _WITHOUT_WORDS:
            line = line.split(" ")[0]
        host = self._rules if line.startswith("/") or is_stop_word(line) else self._host()
        try:
            return self._conversation.say(host, line.removeprefix("/"), hear)
        except (ProviderUnavailable, BudgetExceeded) as error:
            return f"{error}. Commands that start with / work without it (see /help)."

    def redacted(self, line: str) -> str:
        """Return a line without API keys and cut to the longest length."""
        return self._redact(line.encode("utf-8", "replace").decode("utf-8"))[:_LONGEST]


def is_stop_word(line: str) -> bool:
    """Whether a line asks to stop."""
    return line.lower().strip(" .!/") in _STOP_WORDS


def answer_without_host(line: str) -> str | None:
    """Return the help, or an error for an unknown command; None for a line that a host answers."""
    if line.lower() in {"/help", "help"}:
        return f"{HELP}\n{SLASH_COMMANDS}"
    if line.startswith("/") and _command(line) not in {*_WITHOUT_WORDS, *_WITH_WORDS}:
        return f"there is no command {line.split(' ', maxsplit=1)[0][:40]!r}\n{SLASH_COMMANDS}"
    return None


def _command(line: str) -> str:
    return line[1:].split(" ", maxsplit=1)[0].lower()


def build_host(store: Workspace, desk: ChatDesk, spec: RunSpec) -> Host:
    """Return the host of a conversation; it shares its dollar budget with the run."""
    from atlantis_dml.agents.llm.host import ChatHost
    from atlantis_dml.app.agents import RULES, build_model_calls

    if spec.planner == RULES:
        return RuleHost()
    spec = replace(spec, budget=replace(spec.budget, usd=desk.planned.budget.usd), beside=desk.record.run_id)
    return ChatHost(build_model_calls(store, desk.record.id, spec, streaming=True))
