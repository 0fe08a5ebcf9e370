"""Every wording the model reads stands here, so that a change shows as a diff in review."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest
from langchain_core.utils.function_calling import convert_to_openai_tool

from atlantis_core.run.capabilities import describe_generator, describe_remedies
from atlantis_dml.prompts import quoted, render
from atlantis_dml.tools import TOOLS, make_tools
from atlantis_dml.tools.desk import DESK_TOOLS, make_desk_tools

HERE = Path(__file__).parent
Compare = Callable[[str, str], None]


@pytest.mark.parametrize("name", TOOLS)
def test_tool_schema(name: str, compare: Compare) -> None:
    tool = next(tool for tool in make_tools() if tool.name == name)
    schema = json.dumps(convert_to_openai_tool(tool), indent=2, sort_keys=True) + "\n"
    compare(f"tool_{name}.json", schema)


@pytest.mark.parametrize("begun", [False, True])
def test_planner_prompt(begun: bool, compare: Compare) -> None:
    goal = render(
        "planner_goal",
        goal=quoted('night photos\nare not "found"'),
        cells='every class at "light=night"' if begun else "",
        target=0.8 if begun else None,
        english="" if begun else quoted("Night photos are not found."),
        sides="queries are images with light=night" if begun else "",
        rounds=3,
        generator='"photometric"',
        arms="edit (of real photos of the class)",
        shows=describe_generator("photometric"),
        remedies=describe_remedies(("generate", "serve", "self_train"), has_pool=False),
    )
    now = render(
        "planner_now",
        round=2 if begun else 1,
        rounds=3,
        images_left="120",
        share=60,
        usd_left="no limit",
        journal=["round 1: 80 images for 4 cells, 71 kept by the filters; kept: proven"] if begun else [],
        skipped='every class at "light=fog"' if begun else "",
        notes=['"keep the lamps"'] if begun else [],
        provable="260 queries of 3 classes and 2 seeds can prove a gain of about 9.1 points" if begun else "",
        done="dataset_statistics" if begun else "nothing yet",
        open="find_gaps, draft_protocol" if begun else "dataset_statistics, train_retriever:baseline",
        choices=[
            "prepare: 3 trainings, no images (dataset_statistics, train_retriever:baseline)",
            "stop: nothing",
        ],
    )
    text = "\n".join(["--- system", render("planner"), "--- human", goal, "--- human", now, render("planner_nudge")])
    compare(f"planner_{'later' if begun else 'first'}.md", text + "\n")


@pytest.mark.parametrize("name", DESK_TOOLS)
def test_desk_tool_schema(name: str, compare: Compare) -> None:
    tool = next(tool for tool in make_desk_tools() if tool.name == name)
    schema = json.dumps(convert_to_openai_tool(tool), indent=2, sort_keys=True) + "\n"
    compare(f"desk_{name}.json", schema)


def test_host_prompt(compare: Compare) -> None:
    now = render("host_situation", situation='status: planned\nclasses: "tug"')
    compare("host.md", "\n".join(["--- system", render("host"), "--- human", now]) + "\n")


def test_every_tool_and_only_the_tools_have_a_snapshot() -> None:
    assert {path.stem for path in HERE.glob("tool_*.json")} == {f"tool_{name}" for name in TOOLS}
    assert {path.stem for path in HERE.glob("desk_*.json")} == {f"desk_{name}" for name in DESK_TOOLS}


def test_captioner_prompt(compare: Compare) -> None:
    compare("captioner.md", render("captioner"))


def test_every_prompt_template_is_in_a_snapshot() -> None:
    """Each template's first words stand in some snapshot, so that no wording changes unseen."""
    folder = Path(str(resources.files("atlantis_dml.prompts")))
    shown = "\n".join(path.read_text() for path in HERE.glob("*.md"))
    for path in folder.glob("*.md"):
        first = re.split(r"[{\n]", path.read_text())[0]
        assert first.strip() in shown, path.name
