"""A run with a chat model in every role is recorded, and replayed without one: the same decisions, nothing paid."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from atlantis_core.records import Budget
from atlantis_core.run.cost_tracker import CostTracker
from atlantis_core.run.session import Session
from atlantis_dml.agents.client.calls import ChatModel, ModelCalls
from atlantis_dml.agents.client.recording import collect_recording, read_recording, write_recording
from atlantis_dml.agents.client.scripted import ScriptedChatModel
from atlantis_dml.agents.critics import ChatCritic
from atlantis_dml.agents.llm.drafter import ChatDrafter
from atlantis_dml.agents.llm.insight import ChatInsight
from atlantis_dml.agents.llm.planner import ChatPlanner
from atlantis_dml.agents.llm.prompt_writer import ChatPromptWriter
from atlantis_dml.graph.running import advance
from atlantis_dml.tools import make_planner_tools
from atlantis_dml.tools.context import RunContext

DRAFT = {
    "objective": "vessels in the condition named, hull colours still told apart",
    "reason": "the worst gap",
    "arm": "edit",
    "groups": [{"gaps": ["g1"], "count_each": 6}],
    "scorer": "margin",
    "synthetic_weight": 0.8,
    "expected_gain": 0.02,
}


def brain(messages: list[BaseMessage]) -> AIMessage:
    """Play every agent from its prompt alone."""
    role, told = messages[0].text, messages[-1].text
    usage = {"input_tokens": 90, "output_tokens": 10, "total_tokens": 100}
    if role.startswith("You are the planner"):
        name, _, arm = re.findall(r"Open steps in order: (\w+)(:(\w+))?", told)[0]
        call = {"name": name, "args": {"arm": arm} if arm else {}, "id": f"call-{len(messages)}"}
        return AIMessage(f"{name} comes next.", tool_calls=[call], usage_metadata=usage)
    answers: dict[str, Any] = {
        "You draft": DRAFT,
        "You write prompts": {
            number: [f"a photo of {json.loads(name)} under {word} clouds" for word in ("low", "high", "thin")]
            for number, name in re.findall(r"(\d+): \d+ prompts for class (\"[^\"]*\")", messages[1].text)
        },
        "You are the critic": {"finding": "Few queries.", "changes": ["target more cells"]},
    }
    answer = next((value for begin, value in answers.items() if role.startswith(begin)), {"domain": "vessels"})
    return AIMessage(json.dumps(answer), usage_metadata=usage)


def crew(session: Session, calls: ModelCalls) -> RunContext:
    return RunContext(
        session,
        ChatPlanner(calls, make_planner_tools()),
        ChatDrafter(calls, session),
        ChatPromptWriter(calls),
        ChatInsight(calls),
        ChatCritic(calls),
    )


def test_a_recorded_run_is_replayed_with_the_same_decisions(
    begin: Callable[..., RunContext], journal: Any, tmp_path: Path
) -> None:
    session = begin(budget=Budget(images=12, rounds=1)).session
    model = ScriptedChatModel(script=[brain] * 60)
    workspace, name = session.workspace, "openai:scripted"
    cost_tracker = CostTracker(workspace.ledger, session.run_id, session.spec)
    calls = ModelCalls(name, [ChatModel(name, model)], workspace, session.run_id, cost_tracker)
    assert advance(crew(session, calls)).status == "done"
    agents = [event["input"]["agent"] for event in workspace.events.of_kind(session.run_id, "model")]
    assert {"planner", "protocol", "prompts", "critic"} <= set(agents)
    assert workspace.ledger.spent(session.run_id)["tokens"] == 100 * len(model.requests)

    path = tmp_path / "kept.json"
    write_recording(collect_recording(workspace, session.run_id), path)
    again = workspace.runs.create(replace(session.spec, recording="kept"))
    other = Session(workspace, again.id, again.spec)
    cost_tracker = CostTracker(workspace.ledger, again.id, again.spec)
    replay = ModelCalls("openai:scripted", [], workspace, again.id, cost_tracker, recording=read_recording(path))
    context = crew(other, replay)
    assert advance(context).status == "done"
    first, second = journal(replace(context, session=session)), journal(context)
    for kind in ("protocol", "decision", "critique", "candidates"):
        assert first[1][kind] == second[1][kind]
    assert first[1]["protocol"]["synthetic_weight"] == 0.8
    assert first[1]["critique"]["changes"] == ["target more cells"]
    assert workspace.ledger.spent(again.id)["tokens"] == 0
