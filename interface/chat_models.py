"""Which planner a run has, and which captioner where that is a chat model; their keys come from the settings."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.language_models import BaseChatModel

    from atlantis_core.ports import Captioner
    from atlantis_core.records import RunSpec
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.agents.planner import Planner

CHAT = "openai:"
"""Names that begin so are chat models of an OpenAI-compatible service."""


def planner_for(spec: RunSpec) -> Planner:
    """Build the planner that a run names.

    Raises:
        SetupError: Unknown planner, or no key for it.
    """
    if spec.planner == "rules":
        from atlantis_dml.agents.rule_planner import RulePlanner

        return RulePlanner()
    from atlantis_dml.agents.chat_planner import ChatPlanner
    from atlantis_dml.agents.redaction import redaction_of
    from atlantis_dml.settings import Settings
    from atlantis_dml.tools import make_tools

    return ChatPlanner(chat_model(spec.planner, spec), make_tools(), spec.planner, redaction_of(Settings().key()))


def captioner_for(workspace: Workspace, run_id: str, spec: RunSpec) -> Callable[[], Captioner] | None:
    """Return what builds a captioner that is a chat model; None for any other, which is built by its name.

    It is called when something is captioned, and raises `SetupError` where there is no key.
    """
    return partial(_chat_captioner, workspace, run_id, spec) if spec.captioner.startswith(CHAT) else None


def _chat_captioner(workspace: Workspace, run_id: str, spec: RunSpec) -> Captioner:
    from atlantis_core.spending import Purse
    from atlantis_dml.agents.chat_captioner import ChatCaptioner
    from atlantis_dml.agents.redaction import redaction_of
    from atlantis_dml.settings import Settings

    return ChatCaptioner(
        chat_model(spec.captioner, spec),
        spec.captioner,
        spec.base_url or Settings().base_url or "",
        workspace.receipts,
        Purse(workspace.ledger, run_id, spec),
        redaction_of(Settings().key()),
    )


def chat_model(name: str, spec: RunSpec) -> BaseChatModel:
    """Build a chat model by name, at the address that the run or the environment gives.

    Raises:
        SetupError: The name is no chat model's, there is no key, or the address is none.
    """
    from atlantis_dml.agents.models import build_chat_model
    from atlantis_dml.settings import Settings

    settings = Settings()
    return build_chat_model(name, settings.key(), spec.base_url or settings.base_url)
