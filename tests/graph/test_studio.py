"""The graph as LangGraph Studio's server drives it: the context is JSON, the input empty, checkpoints are its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from atlantis_core.base.errors import SetupError
from atlantis_core.run.journal import JournalKind
from atlantis_dml.graph.studio import graph

ROOT = Path(__file__).resolve().parents[2]


def served() -> Any:
    """The graph with a server's checkpoints."""
    return graph().copy(update={"checkpointer": InMemorySaver()})


def named(session: Any, **changes: str) -> dict[str, str]:
    return {"run_id": session.run_id, "workspace": str(session.workspace.folder)} | changes


def test_a_run_waits_for_a_person_and_goes_on_with_the_answer(begin: Any) -> None:
    session = begin(auto=False, seeds=1).session
    studio, config = served(), {"configurable": {"thread_id": "t"}}
    found = studio.invoke({}, config, context=named(session))
    (question,) = found["__interrupt__"]
    assert question.value["images"] > 0
    assert studio.get_state(config).next == ("approve",)
    answer = {"decision": "stop", "reason": "not these"}
    found = studio.invoke(Command(resume=answer), config, context=named(session))
    assert (found["stop_reason"], studio.get_state(config).next) == ("person", ())
    end = session.read(0, JournalKind.END)
    assert end
    assert "not these" in end.stop_detail
    assert session.workspace.runs.get(session.run_id).status == "done"
    with pytest.raises(SetupError, match="past its first round"):
        studio.invoke({}, {"configurable": {"thread_id": "another"}}, context=named(session))
    assert session.read(0, JournalKind.END) == end, "what a run came to is not written over"


@pytest.mark.parametrize("changes", [{"workspace": "/nowhere"}, {"run_id": "unknown"}])
def test_a_run_that_is_not_there_is_a_line(changes: dict[str, str], begin: Any) -> None:
    with pytest.raises(SetupError, match=r"no workspace at|no run"):
        served().invoke({}, {"configurable": {"thread_id": "t"}}, context=named(begin().session, **changes))


def test_a_run_that_a_chat_model_plans_is_not_driven_by_rules(begin: Any) -> None:
    session = begin(planner="openai:some").session
    with pytest.raises(SetupError, match="'openai:some'; Studio drives those of the rules"):
        served().invoke({}, {"configurable": {"thread_id": "t"}}, context=named(session))


def test_studio_finds_the_graph_and_what_it_may_be_told() -> None:
    (address,) = json.loads((ROOT / "langgraph.json").read_text())["graphs"].values()
    assert address == f"{graph.__module__}:{graph.__name__}"
    told = graph().get_context_jsonschema()
    assert told is not None
    assert set(told["properties"]) == {"run_id", "workspace"}
    assert "steps" in graph().get_input_jsonschema()["properties"]
