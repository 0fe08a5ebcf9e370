"""A model that plays every agent competently, from the prompt alone; the faults of `agent_faults` deviate from it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_AGENTS = {
    "You are the planner": "planner",
    "You draft the augmentation protocol": "protocol",
    "You write prompts": "prompts",
    "You analyse an image collection": "insight",
    "You are the critic": "critic",
    "You describe one photo": "captioner",
    "You look at one contact sheet": "eyes",
    "You read what a person wants": "goal",
    "You are the host": "host",
}
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_MOST_CELLS = 4
_VIEWS = (
    "A photo of the {name}, {value}, seen from the left side",
    "The {name} far away in the middle of the frame, {value}, taken from a low place",
    "{value}: close view of a {name} with much empty space around it",
    "A {name} seen from above under plain {value} conditions",
    "Slightly blurred snapshot of one {name}, {value}, cut off at the edge",
    "The {name} from behind, small, {value}, with a wide horizon",
)

Call = tuple[str, Mapping[str, Any], str]
"""A tool, its arguments and the reason."""


def agent_of(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return the calling agent by the first words of its system prompt; `someone` if it is unknown."""
    system = str(messages[0]["content"])
    return next((agent for words, agent in _AGENTS.items() if system.startswith(words)), "someone")


def honest(agent: str, messages: Sequence[Mapping[str, Any]]) -> str | Call:
    """Return a competent answer."""
    facts = text_of(messages[1])
    if agent == "planner":
        return usual_call(str(messages[-1]["content"]), messages)
    tries = sum(message["role"] == "assistant" for message in messages)
    answers: dict[str, Callable[[], Mapping[str, Any]]] = {
        "protocol": lambda: draft_for(facts, tries),
        "prompts": lambda: prompts_for(facts),
        "goal": lambda: goal_for(facts),
        "eyes": lambda: finding_for(facts),
        "insight": lambda: {
            "domain": "Small vessels on water.",
            "facets": [],
            "claims": [{"text": "Some conditions are scarce.", "evidence": ["F1"], "guess": False, "cells": []}],
        },
        "critic": lambda: {"finding": "The gain was not proven.", "changes": ["More images for fewer cells."]},
    }
    return json.dumps(answers[agent]()) if agent in answers else "A small vessel on calm water by day."


def text_of(message: Mapping[str, Any]) -> str:
    """Return the text of a message, without its images."""
    content = message["content"]
    parts = content if isinstance(content, list) else [{"type": "text", "text": str(content)}]
    return "\n".join(part["text"] for part in parts if part["type"] == "text")


def count_images(message: Mapping[str, Any]) -> int:
    """Return how many images a message has."""
    content = message["content"]
    return sum(part["type"] == "image_url" for part in content) if isinstance(content, list) else 0


def finding_for(facts: str, seen: str = "yes") -> dict[str, Any]:
    """Return what a look at a sheet finds: every tile shows its class and condition, or none does."""
    tiles = [
        {"tile": number, "shows": "a vessel", "class": seen, "condition": seen, "control": "yes", "wrong": ""}
        for number in range(1, int(_first(r"^(\d+) tiles\.", facts)) + 1)
    ]
    return {"tiles": tiles, "verdict": seen, "finding": "Vessels on water, in a plain style.", "confidence": 0.8}


def usual_call(now: str, messages: Sequence[Mapping[str, Any]]) -> str | Call:
    """Return the first of the steps that the prompt lists as open; a sentence if nothing is left to do."""
    texts = [now, *(str(message["content"]) for message in reversed(messages))]
    found = next(
        filter(None, (re.search(r"Open steps in order: (?!none)(\w+)(?::(\w+))?", text) for text in texts)), None
    )
    if found is None:
        return "No step is left that is likely to help."
    name, arm = found.groups()
    return name, {"arm": arm} if arm else {}, f"It is the first open step, and {name} was not done in this round."


def draft_for(facts: str, tries: int = 0) -> dict[str, Any]:
    """Return a protocol for the next untried gaps, within the images of the round."""
    images, arm, scorer = (
        _first(r"Images for this round, at most: (\d+)", facts),
        _first(r"Generation modes: (\w+)", facts),
        _first(r"Default scorer: (\w+)", facts),
    )
    round_index, gaps = int(_first(r"^Round (\d+)", facts)), re.findall(r"^(g\d+): class", facts, re.MULTILINE)
    num_cells = max(1, min(_MOST_CELLS, int(images) // 2, len(gaps) or 1))
    start = (round_index - 1 + tries) * num_cells
    chosen = gaps[start : start + num_cells] or gaps[:1]
    count = max(1, int(images) // num_cells)
    group: dict[str, Any] = {"gaps": chosen, "count_each": count}
    if not chosen:
        facet, value = facet_values(facts)[tries % len(facet_values(facts))]
        group = {"classes": classes_of(facts)[:1], "facet": facet, "value": value, "count_each": count}
    return {
        "objective": "photos of these classes in the condition that is missed; all else as in real photos",
        "reason": "these cells have the lowest R@1 of those listed",
        "arm": arm,
        "groups": [group],
        "scorer": scorer,
        "synthetic_weight": 1.0,
        "expected_gain": 0.05,
    }


def classes_of(facts: str) -> list[str]:
    """Return the classes in a drafter's prompt."""
    line = _first(r"^\d+ classes: (.*)$", facts)
    return [json.loads(name) for name in re.findall(_QUOTED, line)]


def facet_values(facts: str) -> list[tuple[str, str]]:
    """Return the pairs of facet and value in a drafter's prompt; one pair of empty strings if there are none."""
    pairs: list[tuple[str, str]] = []
    line = _first(r"^Facet values: (.*)$", facts)
    for name, values in re.findall(rf"({_QUOTED}): ((?:{_QUOTED}(?:, )?)+)", line):
        pairs += [(json.loads(name), json.loads(value)) for value in re.findall(_QUOTED, values)]
    return pairs or [("", "")]


def goal_for(facts: str) -> dict[str, Any]:
    """Return the goal in a goal reader's prompt: it is about the facet values that it names."""
    text = json.loads(_first(rf"^The person's words: ({_QUOTED})", facts))
    listed = re.findall(rf"^- ({_QUOTED}): (.*)$", facts, re.MULTILINE)
    values = [[json.loads(facet), json.loads(value)] for facet, line in listed for value in re.findall(_QUOTED, line)]
    named = [pair for pair in values if pair[1].lower() in text.lower()]
    return {"kind": "improve", "english": "What the person says is not found.", "values": named}


def prompts_for(facts: str) -> dict[str, list[str]]:
    """Return prompts for each cell by its number."""
    cells = re.findall(rf"^(\d+): (\d+) prompts for class ({_QUOTED})(?: with ({_QUOTED}))?", facts, re.MULTILINE)
    return {number: _prompts(int(count), name, condition) for number, count, name, condition in cells}


def _prompts(count: int, name: str, condition: str) -> list[str]:
    spoken = re.sub(r"[\s_-]+", " ", json.loads(name))
    value = json.loads(condition).partition(": ")[2] if condition else "ordinary light"
    return [view.format(name=spoken, value=value) for view in _VIEWS[:count]]


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    return found.group(1) if found else "0"
