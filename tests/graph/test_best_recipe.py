"""`--preset best`: the recipe is chosen before the baseline, written down, and not chosen again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.training.presets import PRESETS
from atlantis_core.records import Budget, RecipeChoice
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.recipes.choice import choose_recipe
from atlantis_core.run.round import read_arms
from atlantis_core.run.summary import summarise
from atlantis_dml.graph.running import STOPPED, advance
from atlantis_dml.text.command_lines import build_run_command
from atlantis_dml.tools.context import RunContext

Begin = Callable[..., RunContext]
SETTINGS = (
    "steps=2&classes_per_batch=8&images_per_class=2&views=1&embed_dim=32&trainable_fraction=0.25&warmup_steps=0"
)


def test_a_run_chooses_its_recipe_first_and_goes_on_with_it(begin: Begin) -> None:
    said: list[str] = []
    context = begin(preset=f"best?{SETTINGS}&feed=cached", seeds=1, budget=Budget(images=12, rounds=1))
    session = context.session
    session.say = said.append
    assert advance(context).status == "done"
    choice = session.read(0, JournalKind.RECIPE)
    assert choice is not None
    assert session.spec.preset == choice.preset != choice.asked
    assert session.workspace.runs.get(session.run_id).spec.preset == choice.preset
    assert f"--preset '{choice.preset}'" in build_run_command(session.spec)
    assert any(line.startswith("choosing the recipe: ") for line in said)
    assert said.index(choice.sentence) > 0
    trained = [row for row in choice.tried if row.recalls]
    assert len(trained) >= 2
    assert {len(row.recalls) for row in trained} <= {1, 3}
    assert all(row.training_seconds and row.run_seconds for row in choice.tried)
    scores = [row.score for row in choice.tried if row.score is not None]
    assert scores == sorted(scores, reverse=True)
    assert choice.queries + choice.trained_on <= len(session.collection.of_split("train"))
    trial = session.workspace.trials.find(read_arms(session, 1)["baseline"][0])
    assert trial is not None
    assert trial.origin is not None
    assert trial.origin.spec.preset == choice.preset
    first = session.workspace.events.tree(session.run_id)[0]
    assert (first["name"], first["output"]["text"]) == ("choose_recipe", choice.sentence)
    facts = summarise(session.workspace, session.run_id)
    assert facts["recipe"]["preset"] == choice.preset
    assert facts["recipe"]["sentence"] == choice.sentence
    assert choose_recipe(session) is None, "it is settled"


def test_a_stopped_comparison_is_taken_up_again(begin: Begin) -> None:
    context = begin(preset=f"best?{SETTINGS}", seeds=1, budget=Budget(images=12, rounds=1))

    def stop_in_training(what: str, update: Any) -> None:
        if what == "progress" and update["what"].startswith("timing"):
            context.stop.request()

    outcome = advance(context, watch=stop_in_training)
    assert (outcome.status, outcome.problem) == ("paused", STOPPED)
    session = context.session
    assert session.read(0, JournalKind.RECIPE) is None
    assert session.spec.preset.startswith("best")


def test_a_choice_that_was_written_down_before_a_kill_is_kept(begin: Begin) -> None:
    session = begin(preset="best?steps=3", seeds=1).session
    choice = RecipeChoice("best?steps=3", "smoke?steps=3", "it was the best")
    session.write(0, JournalKind.RECIPE, choice)
    assert choose_recipe(session) == choice
    assert session.recipe.steps == 3
    assert session.recipe.classes_per_batch == PRESETS["smoke"].classes_per_batch
    assert session.workspace.runs.get(session.run_id).spec.preset == "smoke?steps=3"


def test_a_collection_of_which_nothing_can_be_held_out_keeps_the_usual_recipe(begin: Begin) -> None:
    session = begin(preset="best", seeds=1).session
    train = session.collection.of_split("train")
    few = {image.label: image for image in train}
    pairs = (*few.values(), *(one for one in session.collection.images if one.split != "train"))
    session.__dict__["collection"] = replace(session.collection, images=pairs)
    choice = choose_recipe(session)
    assert choice is not None
    assert choice.preset == "auto"
    assert "no class has 3 training images" in choice.reason
    assert choice.tried == ()


def test_recipes_that_watch_validation_are_refused(begin: Begin) -> None:
    session = begin(preset="best?validate_every=2", seeds=1).session
    with pytest.raises(SetupError, match="leave validate_every out"):
        choose_recipe(session)
