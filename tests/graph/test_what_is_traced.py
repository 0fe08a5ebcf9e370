"""What a run leaves in its trace: every prompt, image and approval, and none of it in the planner's context."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from atlantis_core.records import Budget
from atlantis_dml.graph.running import advance
from atlantis_dml.text.steps import describe_step
from atlantis_dml.tools.context import RunContext

Begin = Callable[..., RunContext]
Journal = Callable[[RunContext], dict[int, dict[str, Any]]]


def test_every_prompt_is_in_the_trace_and_not_in_the_state(begin: Begin, journal: Journal) -> None:
    context = begin(budget=Budget(images=8, rounds=1))
    told: list[Any] = []
    advance(context, watch=lambda node, update: told.append(update))
    prompts = [prompt for cell in journal(context)[1]["protocol"]["cells"] for prompt in cell["prompts"]]
    assert len(prompts) > 1
    events = context.session.workspace.events.of_kind(context.session.run_id, "tool")
    (output,) = [event["output"] for event in events if event["name"] == "write_prompts"]
    assert [prompt for cell in output["artifact"]["cells"] for prompt in cell["prompts"]] == prompts
    said = [message for update in told for message in (update or {}).get("messages", [])]
    assert said
    assert not any(prompts[-1] in str(message) for message in said), "the planner's context does not grow"


def test_every_made_image_is_in_the_trace_by_its_key(begin: Begin, journal: Journal) -> None:
    context = begin(budget=Budget(images=8, rounds=1))
    advance(context)
    events = context.session.workspace.events.of_kind(context.session.run_id, "tool")
    (output,) = [event["output"] for event in events if event["name"] == "generate_images"]
    assert output["artifact"]["keys"] == journal(context)[1]["candidates"]


def _approval(context: RunContext) -> dict[str, Any]:
    (event,) = context.session.workspace.events.of_kind(context.session.run_id, "approval")
    return event


def test_the_trace_says_who_approved_what_and_with_which_changes(begin: Begin) -> None:
    context = begin(auto=False, budget=Budget(images=8, rounds=1))
    protocol = dict(advance(context).question or {})["protocol"]
    first = {**protocol["cells"][0], "count": 3, "prompts": ["a night in fog"]}
    answer = {"decision": "edit", "protocol": {**protocol, "cells": [first]}, "by": "in the web form"}
    advance(context, answer)
    named = f"{first['cell']['class_name']}, condition={first['cell']['value']}"
    told = describe_step(_approval(context), whole=True)
    assert told[0] == f"result: approved in the web form, changed: 3 images instead of 8: 3 of {named}"
    assert told[1] == f"prompt for {named}: a night in fog"


def test_the_trace_says_that_no_person_was_asked(begin: Begin) -> None:
    context = begin(budget=Budget(images=8, rounds=1))
    advance(context)
    (told,) = describe_step(_approval(context), whole=True)
    assert told.startswith("result: approved by --auto: 8 images: ")
