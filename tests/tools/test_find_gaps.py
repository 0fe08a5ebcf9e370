from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.messages import AIMessage

from atlantis_core.base.errors import NoUsableReply
from atlantis_core.data.reading import LoadedCollection
from atlantis_core.records import Cell
from atlantis_core.run.insight import Claim, FacetIdea, InsightFacts, InsightIdeas
from atlantis_dml.graph.running import advance
from atlantis_dml.tools.context import RunContext


class Finder:
    """An insight model that says what it was told to, and remembers what it was asked."""

    def __init__(self, ideas: InsightIdeas | None) -> None:
        self.ideas, self.asked = ideas, list[InsightFacts]()

    def find(self, facts: InsightFacts) -> InsightIdeas:
        self.asked.append(facts)
        if self.ideas is None:
            raise NoUsableReply("it only says hello")
        return self.ideas


Ask = Callable[..., str]


@pytest.fixture
def ask(chat: Any, call: Any) -> Ask:
    """Call `find_gaps` once the baseline is trained; return what the planner is told."""

    def asked(context: RunContext, *before: str, **arguments: Any) -> str:
        script = [call("train_retriever", arm="baseline"), call("find_gaps", **arguments), AIMessage("Enough.")]
        planner, model = chat(context, *map(call, before), *script, AIMessage("Enough."))
        advance(replace(context, planner=planner))
        return next(message.text for message in reversed(model.requests[-1]) if message.type == "tool")

    return asked


def ideas(*claims: Claim, facets: tuple[FacetIdea, ...] = ()) -> InsightIdeas:
    return InsightIdeas('boats "at sea"', facets, claims, "openai:scripted")


def test_hybrid_explains_the_measured_gaps(begin: Any, ask: Ask, journal: Any) -> None:
    finder = Finder(ideas(Claim("dark is scarce", ("F1",), False, ()), Claim("it rains", (), False, ())))
    told = ask(replace(context := begin(), insight=finder))
    assert finder.asked[0].mode == "hybrid"
    assert any("R@1" in fact for fact in finder.asked[0].facts.values())
    assert 'claim: "dark is scarce"\nclaim (guess): "it rains"' in told
    assert r'openai:scripted sees it: "boats \"at sea\""' in told
    assert len(told) <= 1800
    entries = journal(context)[1]
    assert entries["insight"]["mode"] == "hybrid"
    assert len(entries["gaps"]) == int(told.split()[0])


def test_an_insight_model_of_no_use_loses_no_gap(begin: Any, ask: Ask, journal: Any) -> None:
    told = ask(replace(context := begin(), insight=Finder(None)))
    assert "by counting alone" in told
    assert "it only says hello" in told
    assert journal(context)[1]["gaps"]
    assert "insight" not in journal(context)[1]


def test_without_an_insight_model_counting_is_all_there_is(begin: Any, ask: Ask, journal: Any) -> None:
    assert ask(context := begin(), mode="auto").split()[1].startswith("gaps")
    assert "insight" not in journal(context)[1]


def test_what_asks_for_a_model_without_one_is_told_why(begin: Any, ask: Ask) -> None:
    assert "this run has no chat model" in ask(begin(), mode="llm")


def test_llm_lists_what_its_claims_name_with_measured_figures(begin: Any, ask: Ask, journal: Any) -> None:
    context = begin()
    cells = tuple(Cell("", facet, image) for facet, image in context.session.collection.images[0].facets.items())
    finder = Finder(ideas(Claim("expected to fail", (), True, (*cells, Cell("no such class")))))
    ask(replace(context, insight=finder), mode="llm")
    assert not any("R@1" in fact for fact in finder.asked[0].facts.values())
    gaps = journal(context)[1]["gaps"]
    assert gaps
    assert {(gap["cell"]["facet"], gap["cell"]["value"]) for gap in gaps} <= {(c.facet, c.value) for c in cells}


def test_llm_that_names_nothing_of_the_collection_is_refused(begin: Any, ask: Ask, journal: Any) -> None:
    finder = Finder(ideas(Claim("liners are few", (), True, (Cell("liner"),))))
    assert "none of the 0 cells" in ask(replace(context := begin(), insight=finder), mode="llm")
    assert 1 not in journal(context)


def test_a_facet_read_from_captions_is_learned_and_its_cells_are_searched_for_gaps(
    begin: Any, ask: Ask, journal: Any, tiny_world: LoadedCollection
) -> None:
    plain = tuple(replace(image, facets={}) for image in tiny_world.collection.images)
    bare = replace(tiny_world.collection, images=plain, facets=(), not_facets={})
    mood = FacetIdea("mood", {"dim": ("muted", "cool cast"), "lively": ("photo",)})
    context = begin(bare)
    told = ask(replace(context, insight=Finder(ideas(facets=(mood,)))), "caption_images", top=200)
    check = journal(context)[1]["insight"]["facets"][0]
    assert check["kept"], check
    assert 'new facet "mood": ' in told
    assert "mood" in context.session.collection.facets
    assert "mood" in {gap["cell"]["facet"] for gap in journal(context)[1]["gaps"]}
