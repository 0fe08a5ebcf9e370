"""The insight agent: a chat model says what a collection is about and what it lacks (the paper's DIG)."""

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

# Limits in bytes of UTF-8, so that scripts that take more tokens per character get fewer characters.
_FACTS_BYTES = 3200
_CLASSES_BYTES = 1500
_WORDS_BYTES = 900
_FACETS_BYTES = 900
_NAMES_BYTES = 300


def _as_list(value: Any) -> Any:
    """Read null as an empty list, and a single text or number as a list of one."""
    return [] if value is None else [value] if isinstance(value, str | int) else value


def _as_mapping(value: Any) -> Any:
    """Read a plain list of values as values that are their own caption words."""
    if isinstance(value, list):
        return {str(one): [str(one)] for one in value}
    return {str(key): _as_list(words) for key, words in value.items()} if isinstance(value, dict) else value


Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else str(value))]
Texts = Annotated[list[Text], BeforeValidator(_as_list)]
Listed = Annotated[list[Item], BeforeValidator(_as_list)]


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
    values: Annotated[dict[str, Texts], BeforeValidator(_as_mapping)]


class InsightAnswer(BaseModel):
    """The model's answer, read leniently."""

    domain: str = Field(min_length=2)
    facets: Listed[_Facet] = []
    claims: Listed[_Claim] = Field(min_length=1)


class ChatInsight:
    """Asks a chat model for the domain, facets and deficient cells; `run.insight` checks the answer."""

    def __init__(self, calls: ModelCalls) -> None:
        self._calls = calls

    def find(self, facts: InsightFacts) -> InsightIdeas:
        """Return what the model proposes; see `tools.context.InsightFinder`."""
        return ask_for_object(
            self._calls,
            "insight",
            render("insight"),
            render("insight_facts", **_list_facts(facts)),
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
        raise ValueError("no claim names a cell; name the deficient classes, facet values or both in cells")
    facets = tuple(
        FacetIdea(facet.name, {value: tuple(words) for value, words in facet.values.items()})
        for facet in answer.facets
    )
    return InsightIdeas(answer.domain, facets, claims, by)


def _list_facts(facts: InsightFacts) -> dict[str, Any]:
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
        "facts": _fit([f"{number}: {quoted(text, 400)}" for number, text in facts.facts.items()], _FACTS_BYTES),
        "classes": ", ".join(_fit(classes, _CLASSES_BYTES)),
        "facets": _fit(facets, _FACETS_BYTES),
        "taken": ", ".join(_fit(taken, _NAMES_BYTES)) or "none",
        "num_captions": facts.num_captions,
        "words": ", ".join(_fit(words, _WORDS_BYTES)),
    }


def _fit(items: Iterable[str], most_bytes: int) -> list[str]:
    """Return, in order, the items that fit into `most_bytes`, skipping those too long for the space left."""
    kept: list[str] = []
    for item in items:
        size = len(item.encode()) + 2
        if size <= most_bytes:
            kept.append(item)
            most_bytes -= size
    return kept
