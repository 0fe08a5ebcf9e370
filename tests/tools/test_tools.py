"""What all tools of the planner have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from langchain_core.messages import AIMessage

from atlantis_dml.agents.client.scripted import ScriptedChatModel
from atlantis_dml.agents.llm.planner import ChatPlanner
from atlantis_dml.graph.running import advance
from atlantis_dml.tools import TOOLS, collect_words, list_steps, make_tools
from atlantis_dml.tools.context import RunContext

Begin = Callable[..., RunContext]
Chat = Callable[..., tuple[ChatPlanner, ScriptedChatModel]]
Call = Callable[..., AIMessage]


def test_a_tool_has_the_name_of_its_file_and_tells_a_model_what_it_does() -> None:
    assert [tool.name for tool in make_tools()] == list(TOOLS)
    assert all(tool.description for tool in make_tools())
    assert list(collect_words()) == list(TOOLS)


def test_the_usual_steps_are_those_of_tools_in_their_order() -> None:
    steps = list_steps()
    assert {step.name.partition(":")[0] for step in steps} <= set(TOOLS)
    assert [step.place for step in steps] == sorted({step.place for step in steps})


def test_tools_called_too_early_say_what_comes_first(begin: Begin, chat: Chat, call: Call) -> None:
    context = begin()
    planner, model = chat(
        context,
        call("find_gaps"),
        call("draft_protocol"),
        call("write_prompts"),
        call("score_outliers"),
        *[AIMessage("Enough.")] * 2,
    )
    advance(replace(context, planner=planner))
    answers = [request[-2].text for request in model.requests[1:5]]
    for answer, telling in zip(answers, ["train the baseline", "gaps", "draft one", "generate"], strict=True):
        assert telling in answer
