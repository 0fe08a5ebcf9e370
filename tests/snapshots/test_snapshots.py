"""Every wording the model reads stands here, so that a change shows as a diff in review."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from langchain_core.utils.function_calling import convert_to_openai_tool

from atlantis_dml.prompts import quoted, render
from atlantis_dml.tools import TOOLS, make_tools

HERE = Path(__file__).parent


def compare(name: str, text: str, request: pytest.FixtureRequest) -> None:
    path = HERE / name
    if request.config.getoption("--update-snapshots"):
        path.write_text(text)
    assert path.exists(), f"{name} is new: `make snapshots` writes it"
    assert path.read_text() == text, f"{name} has changed: `make snapshots` rewrites it; read the diff"


@pytest.mark.parametrize("name", TOOLS)
def test_tool_schema(name: str, request: pytest.FixtureRequest) -> None:
    tool = next(tool for tool in make_tools() if tool.name == name)
    schema = json.dumps(convert_to_openai_tool(tool), indent=2, sort_keys=True) + "\n"
    compare(f"tool_{name}.json", schema, request)


@pytest.mark.parametrize("last_kept", [False, True])
@pytest.mark.parametrize("has_facets", [False, True])
def test_planner_prompt(has_facets: bool, last_kept: bool, request: pytest.FixtureRequest) -> None:
    text = render(
        "planner",
        goal=quoted('night photos\nare not "found"'),
        round=2,
        rounds=3,
        images_left="120",
        usd_left="no limit",
        has_facets=has_facets,
        last_kept=last_kept,
    )
    compare(f"planner_{'with' if has_facets else 'no'}_facets{'_kept' if last_kept else ''}.md", text, request)


def test_every_tool_and_only_the_tools_have_a_snapshot() -> None:
    assert {path.stem for path in HERE.glob("tool_*.json")} == {f"tool_{name}" for name in TOOLS}
