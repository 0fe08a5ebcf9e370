"""What a fit is trained on, and what its weights depend on."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.generation.lora.fit_plan import FitPlan, FitSettings, list_prompts
from atlantis_core.records import Cell, CellRequest, LabelledImage
from atlantis_dml.agents.rules.prompt_writer import TemplatePromptWriter

SETTINGS = FitSettings(steps=100, rank=4, rate=1e-3, batch=8, seed=0)


def plan(
    photos: list[LabelledImage], settings: FitSettings = SETTINGS, base: str = "m", device: str = "cpu"
) -> FitPlan:
    return FitPlan(base, photos, settings, device)


def test_prompts_are_those_of_the_prompt_writer(photos: list[LabelledImage]) -> None:
    cells = (Cell("a", "light", "night"), Cell("a", "shelf", "B"), Cell("a"))
    protocol: Any = SimpleNamespace(cells=[CellRequest(cell, 9) for cell in cells])
    facts: Any = None
    light, shelf, bare = TemplatePromptWriter().write(protocol, facts)
    assert list_prompts(replace(photos[0], facets={"light": "night", "shelf": "B"})) == light + shelf
    assert list_prompts(replace(photos[0], facets={})) == bare


def test_weights_depend_on_photos_settings_model_and_device_not_on_order_or_folder(
    photos: list[LabelledImage],
) -> None:
    first = plan(photos)
    moved = [replace(photo, path=f"/elsewhere/{photo.id}") for photo in reversed(photos)]
    assert plan(moved).key == first.key
    others = [
        plan(photos[:-1]),
        plan([replace(photos[0], label="b"), *photos[1:]]),
        plan([replace(photos[0], facets={"light": "fog"}), *photos[1:]]),
        *(plan(photos, replace(SETTINGS, **{name: 7})) for name in ("steps", "rank", "batch", "seed")),
        plan(photos, replace(SETTINGS, rate=1e-4)),
        plan(photos, base="other"),
        plan(photos, device="cuda"),
    ]
    assert len({first.key, *(other.key for other in others)}) == len(others) + 1


def test_classes_are_drawn_equally_often_and_a_tenth_without_a_prompt(photos: list[LabelledImage]) -> None:
    drawn = [pair for step in plan(photos).draws for pair in step]
    assert len(drawn) == 800
    counts = Counter(photo.label for photo, _ in drawn)
    assert 350 < counts["a"] < 450, "a has twice the photos of b"  # 400, sd 14
    assert 50 < sum(prompt == "" for _, prompt in drawn) < 110  # 80, sd 8.5
    assert {photo.id for photo, _ in drawn} == {photo.id for photo in photos}
    assert all(prompt in ("", *list_prompts(photo)) for photo, prompt in drawn)
    assert plan(photos[::-1]).draws == plan(photos).draws


def test_only_training_photos_are_taken(photos: list[LabelledImage]) -> None:
    with pytest.raises(ValueError, match="validation"):
        plan([*photos, replace(photos[0], split="validation")])
    with pytest.raises(SetupError, match="no training photo"):
        plan([])
