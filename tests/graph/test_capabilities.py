"""What a generator cannot show is not asked of it: no image is spent, and the refusal names what could."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessage

from atlantis_core.base.ports import Capabilities
from atlantis_core.generation.edit_words import find_understood_words
from atlantis_core.generation.photometric import PhotometricGenerator
from atlantis_core.records import Budget, Cell, Collection, Goal
from atlantis_core.records.generation import GENERATE
from atlantis_core.run.capabilities import describe_unshowable_goal, find_capabilities, find_unshowable
from atlantis_core.run.journal import JournalKind
from atlantis_dml.app.ask_approval import describe_protocol
from atlantis_dml.graph.running import advance
from atlantis_dml.tools.context import RunContext

if TYPE_CHECKING:
    from PIL.Image import Image

    from atlantis_core.data.reading import LoadedCollection
    from atlantis_core.records import GenerationRequest

Begin = Callable[..., RunContext]


class LightGenerator(PhotometricGenerator):
    """Edits light and nothing else, as a generator of somebody else's may."""

    name = "light"
    capabilities = Capabilities(
        "other light", "any other weather, medium or scene", frozenset({"night", "dark", "bright"}), reads="edits"
    )


class SilentGenerator:
    """A generator from before there were capabilities."""

    name, version, modes, notice = "silent", "1", ("edit",), ""

    def settings(self, request: GenerationRequest) -> dict[str, Any]:
        del request
        return {}

    def generate(self, requests: Iterable[GenerationRequest]) -> Iterator[Image]:
        raise NotImplementedError


LIGHT, SILENT = f"{__name__}:LightGenerator", f"{__name__}:SilentGenerator"


def _draw(collection: Collection, classes: Iterable[str]) -> Collection:
    """Return the small world without a night photo to train on, and with those of some classes called cartoons."""
    drawn = set(classes)

    def rename(label: str, value: str) -> str:
        return "cartoon" if value == "night" and label in drawn else value

    images = tuple(
        replace(image, facets={"condition": rename(image.label, image.facets["condition"])})
        for image in collection.images
        if image.split != "train" or image.facets["condition"] != "night"
    )
    return replace(collection, images=images)


@pytest.fixture
def drawn(tiny_world: LoadedCollection) -> Collection:
    """Every night photo is called a cartoon."""
    return _draw(tiny_world.collection, tiny_world.collection.classes)


def test_a_goal_that_the_generator_cannot_show_spends_nothing_and_names_what_could(
    begin: Begin, drawn: Collection
) -> None:
    goal = Goal("cartoons are not found", (Cell("", "condition", "cartoon"),))
    context = begin(drawn, goal=goal, generator=LIGHT, budget=Budget(images=40, rounds=2))
    session = context.session
    early = describe_unshowable_goal(session)
    assert "cannot show condition=cartoon" in early, "it is said before anything is trained"
    assert advance(context).status == "done"
    assert session.workspace.ledger.spent(session.run_id)["images"] == 0
    assert session.read(1, JournalKind.PROTOCOL) is None
    end = session.read(0, JournalKind.END)
    assert end is not None
    for part in ("cannot show condition=cartoon", "can show other light", "--generator photometric", "--pool FOLDER"):
        assert part in end.stop_detail
    assert "cut_paste" not in end.stop_detail, "it shows no medium either"


def test_cells_that_it_can_show_are_drafted_without_those_that_it_cannot(
    begin: Begin, tiny_world: LoadedCollection
) -> None:
    half = _draw(tiny_world.collection, tiny_world.collection.classes[::2])
    goal = Goal("night photos and cartoons", (Cell("", "condition", "cartoon"), Cell("", "condition", "night")))
    context = begin(half, goal=goal, generator=LIGHT, auto=False, budget=Budget(images=12, rounds=1))
    outcome = advance(context)
    assert outcome.question, context.session.read(0, JournalKind.END)
    values = {request["cell"]["value"] for request in outcome.question["protocol"]["cells"]}
    assert "cartoon" not in values
    assert "night" in values
    shown = "\n".join(describe_protocol(context.session, outcome.question))
    assert "words: " in shown
    assert "telling words of the prompts" in shown


@pytest.mark.parametrize(
    ("generator", "pair", "is_unshowable"),
    [
        ("photometric", ("style", "cartoon"), False),
        ("photometric", ("visit", "2"), False),
        ("cut_paste", ("style", "cartoon"), True),
        ("cut_paste", ("weather", "snow"), True),
        ("cut_paste", ("condition", "night"), False),
        ("diffusion:somewhere", ("style", "cartoon"), False),
        (LIGHT, ("style", "cartoon"), True),
        (SILENT, ("style", "cartoon"), False),
    ],
)
def test_a_value_is_refused_only_where_its_words_ask_for_what_the_generator_lacks(
    generator: str, pair: tuple[str, str], is_unshowable: bool, tiny_world: LoadedCollection
) -> None:
    found = find_unshowable(generator, [Cell("tug", *pair)], tiny_world.collection)
    assert found == ([pair] if is_unshowable else [])


def test_a_generator_without_capabilities_is_taken_at_its_word() -> None:
    assert find_capabilities(SILENT) is None


@pytest.mark.parametrize(
    ("prompt", "understood", "other"),
    [
        ("a photo of a red tug at night, beside a wooden pier", ["night"], ["beside", "wooden", "pier"]),
        ("red tug in heavy fog and rain", ["fog", "rain"], []),
        ("red tug, no fog", [], ["no", "fog"]),
        ("a photo of a red tug", [], []),
    ],
)
def test_words_that_ask_for_edits_are_told_from_those_that_do_not(
    prompt: str, understood: list[str], other: list[str]
) -> None:
    assert find_understood_words(prompt, "red_tug") == (understood, other)


def test_the_trace_keeps_how_much_of_the_prompts_was_understood(begin: Begin) -> None:
    context = begin(auto=False, budget=Budget(images=8, rounds=1))
    advance(context)
    tree = context.session.workspace.events.tree(context.session.run_id)
    steps = [child for node in tree for child in node["children"] if child["name"] == "write_prompts"]
    assert "photometric understands" in steps[0]["output"]["artifact"]["understood"]
    protocol = context.session.read(1, JournalKind.PROTOCOL)
    assert protocol is not None
    assert protocol.remedy == GENERATE


def test_stated_cells_that_cannot_be_shown_are_refused_too(
    begin: Begin, drawn: Collection, chat: Any, call: Any
) -> None:
    context = begin(drawn, generator=LIGHT, budget=Budget(images=40, rounds=1))
    cells = [{"class_name": drawn.classes[0], "facet": "condition", "value": "cartoon", "images": 4}]
    steps = [
        call("dataset_statistics"),
        call("train_retriever", arm="baseline"),
        call("evaluate_retrieval", arm="baseline"),
        call("find_gaps"),
        call("draft_protocol", cells=cells),
    ]
    planner, model = chat(context, *steps, AIMessage("Nothing can be made."), AIMessage("Nothing can be made."))
    assert advance(replace(context, planner=planner)).status == "done"
    assert any("cannot show condition=cartoon" in str(message.content) for message in model.requests[-1])
    assert context.session.read(1, JournalKind.PROTOCOL) is None


def test_where_the_models_can_be_searched_otherwise_the_run_goes_on_without_images(
    begin: Begin, drawn: Collection
) -> None:
    goal = Goal("cartoons are not found", (Cell("", "condition", "cartoon"),))
    remedies = ("serve", "generate")
    context = begin(drawn, goal=goal, generator=LIGHT, remedies=remedies, budget=Budget(images=40, rounds=1))
    assert advance(context).status == "done"
    session = context.session
    assert session.workspace.ledger.spent(session.run_id)["images"] == 0
    pilots = session.read(1, JournalKind.PILOTS) or ()
    (generate,) = [pilot for pilot in pilots if pilot.offer.remedy == GENERATE]
    assert "cannot show condition=cartoon" in generate.failure
