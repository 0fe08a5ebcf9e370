"""The insight agent with a chat model: what a collection is about and what it lacks (the paper's DIG)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, Field

from atlantis_core.records import Cell
from atlantis_core.run.insight import Claim, FacetIdea, InsightFacts, InsightIdeas, shorten_name
from atlantis_dml.agents.client.structured_output import ask_for_object
from atlantis_dml.prompts import quoted, render

if TYPE_CHECKING:
    from atlantis_dml.agents.client.calls import ModelCalls

Item = TypeVar("Item")

# Bytes of UTF-8, so that scripts that take more tokens for a letter are told fewer letters.
_FACTS_BYTES = 3200
_CLASSES_BYTES = 1500
_WORDS_BYTES = 900
_FACETS_BYTES = 900
_NAMES_BYTES = 300


def _listed(value: Any) -> Any:
    """Take nothing for an empty list, and one text for a list of one."""
    return [] if value is None else [value] if isinstance(value, str | int) else value


def _by_value(value: Any) -> Any:
    """Take a list of values for values that are their own words."""
    if isinstance(value, list):
        return {str(one): [str(one)] for one in value}
    return {str(key): _listed(words) for key, words in value.items()} if isinstance(value, dict) else value


Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else str(value))]
Texts = Annotated[list[Text], BeforeValidator(_listed)]
Listed = Annotated[list[Item], BeforeValidator(_listed)]


class _Cell(BaseModel):
    class_name: Text = Field("", alias="class")
    facet: Text = ""
    value: Text = ""


class _Claim(BaseModel):
    text: str = Field(min_length=3)
    evidence: Texts = []
    guess: bool | None = None
    cells: Listed[_Cell] = []


class _Facet(BaseModel):
    name: str
    values: Annotated[dict[str, Texts], BeforeValidator(_by_value)]


class InsightAnswer(BaseModel):
    """What the model answers with."""

    domain: str = Field(min_length=2)
    facets: Listed[_Facet] = []
    claims: Listed[_Claim] = Field(min_length=1)


class ChatInsight:
    """Asks a chat model for domain, facets and deficient cells; nothing it says is checked here.

    Args:
        calls: The run's chat models.
    """

    def __init__(self, calls: ModelCalls) -> None:
        self._calls = calls

    def find(self, facts: InsightFacts) -> InsightIdeas:
        """Return what the model proposes; see `tools.context.InsightFinder`."""
        told = render("insight_facts", **_told(facts))
        return ask_for_object(
            self._calls,
            "insight",
            render("insight"),
            told,
            InsightAnswer,
            lambda answer: _ideas(answer, facts, self._calls.name),
        )


def _ideas(answer: InsightAnswer, facts: InsightFacts, by: str) -> InsightIdeas:
    claims = tuple(
        Claim(
            claim.text,
            tuple(claim.evidence),
            bool(claim.guess),
            tuple(Cell(cell.class_name, cell.facet, cell.value) for cell in claim.cells),
        )
        for claim in answer.claims
    )
    if facts.mode == "llm" and not any(claim.cells for claim in claims):
        raise ValueError("no claim names a cell; say which classes, facet values or both are deficient")
    facets = tuple(
        FacetIdea(facet.name, {value: tuple(words) for value, words in facet.values.items()})
        for facet in answer.facets
    )
    return InsightIdeas(answer.domain, facets, claims, by)


def _told(facts: InsightFacts) -> dict[str, Any]:
    classes = [quoted(shorten_name(name)) for name in facts.classes]
    words = [f"{quoted(word, 40)} {count}" for word, count in facts.words]
    facets = [
        f"{quoted(shorten_name(name))}: {', '.join(quoted(shorten_name(value)) for value in values[:12])}"
        for name, values in facts.facet_values.items()
    ]
    taken = [quoted(shorten_name(name)) for name in facts.taken_names]
    return {
        "mode": facts.mode,
        "goal": quoted(facts.goal),
        "facts": _fitting([f"{number}: {quoted(text, 400)}" for number, text in facts.facts.items()], _FACTS_BYTES),
        "classes": ", ".join(_fitting(classes, _CLASSES_BYTES)),
        "facets": _fitting(facets, _FACETS_BYTES),
        "taken": ", ".join(_fitting(taken, _NAMES_BYTES)) or "none",
        "num_captions": facts.num_captions,
        "words": ", ".join(_fitting(words, _WORDS_BYTES)),
    }


def _fitting(items: Iterable[str], most_bytes: int) -> list[str]:
    """Return items from the first on, as long as they fit; one that is too long for what is left is skipped."""
    kept: list[str] = []
    for item in items:
        size = len(item.encode()) + 2
        if size <= most_bytes:
            kept.append(item)
            most_bytes -= size
    return kept
