"""What a run's generator and remedies can show, and what they cannot: checked before anything is drafted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from atlantis_core.base.errors import ToolError
from atlantis_core.base.ports import GENERATORS, Capabilities
from atlantis_core.base.registry import load_part
from atlantis_core.generation.edit_words import find_understood_words
from atlantis_core.records.generation import GENERATE
from atlantis_core.run.goals.selectors import find_shown_edits
from atlantis_core.run.remedies import parse_remedy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlantis_core.records import Cell, Collection, Protocol
    from atlantis_core.run.drafting import Brief
    from atlantis_core.run.session import Session

Pair = tuple[str, str]
"""A facet and a value."""

_MOST_WORDS = 8


def find_capabilities(generator: str) -> Capabilities | None:
    """Return what a generator says it can show, by its text as in `--generator`; None if it says nothing.

    Raises:
        SetupError: There is no such generator.
    """
    name = generator.partition(":")[0]
    found = getattr(
        load_part(GENERATORS, name if name in GENERATORS else generator, "generator"), "capabilities", None
    )
    return found if isinstance(found, Capabilities) else None


def describe_generator(generator: str) -> str:
    """Return what a generator can and cannot show, in one line."""
    found = find_capabilities(generator)
    if found is None:
        return "what it can show is not stated"
    return f"can show {found.can}, and cannot show {found.cannot}"


def describe_remedies(names: Iterable[str], *, has_pool: bool) -> list[str]:
    """Return what each remedy can and cannot do, in a line each; without a pool none that takes photos from it."""
    parts = [(name, parse_remedy(name)[0]) for name in names]
    usable = [(name, remedy) for name, remedy in parts if has_pool or not remedy.uses_pool]
    return [f"{name}: can {remedy.can}; cannot {remedy.cannot}" for name, remedy in usable]


def find_unshowable(generator: str, cells: Iterable[Cell], collection: Collection) -> list[Pair]:
    """Return the facet values of some cells that a generator cannot show, each once.

    A value is one of these if its words ask for conditions and the generator knows none of them, and cannot take them
    over from a training photo either. A value whose words name no condition ("visit=2") is never one.
    """
    known = find_capabilities(generator)
    if known is None or known.edits is None:
        return []
    shown = {pair for image in collection.of_split("train") for pair in image.facets.items()}
    unshowable = []
    for pair in dict.fromkeys((cell.facet, cell.value) for cell in cells if cell.facet):
        asked = find_shown_edits(*pair)
        if asked and not asked & known.edits and not (pair in shown and asked & known.borrows):
            unshowable.append(pair)
    return unshowable


def explain_unshowable(generator: str, pairs: Iterable[Pair]) -> str:
    """Return what a generator cannot show, what it can, and which others could; empty for no value."""
    values = [f"{facet}={value}" for facet, value in pairs]
    if not values:
        return ""
    asked = {edit for pair in pairs for edit in find_shown_edits(*pair)}
    return (
        f"generator {generator!r} cannot show {', '.join(values)}: it {describe_generator(generator)}. Those that "
        f"could: {'; '.join(_list_able(generator, asked))}"
    )


def _list_able(generator: str, asked: set[str]) -> list[str]:
    """Return the generators and remedies that may show some conditions, those that surely can first."""
    sure, unsure = [], []
    for name in GENERATORS:
        known = find_capabilities(name)
        if name == generator.partition(":")[0] or known is None:
            continue
        if known.edits is None:
            unsure.append(f"--generator {name}:... if it has them ({known.can})")
        elif asked <= known.edits:
            sure.append(f"--generator {name}")
    return [*sure, *unsure, "a pool of photos that show them (--pool FOLDER)"]


def describe_unshowable_goal(session: Session) -> str:
    """Return which values that the goal names the generator cannot show, and what could; empty for none."""
    generator = session.spec.generator
    return explain_unshowable(generator, find_unshowable(generator, session.goal.cells, session.collection))


def narrow_to_showable(session: Session, brief: Brief, has_others: bool) -> Brief:
    """Return a brief without the cells that the generator cannot show, where images of it are the only remedy.

    Args:
        session: The run's.
        brief: What the drafter would get.
        has_others: Whether other remedies are on offer: they may help cells that no image can be made for.

    Raises:
        ToolError: No cell of the goal, and no gap, is left: nothing is drafted, and nothing spent.
    """
    generator, collection = session.spec.generator, session.collection
    cells = [*brief.named, *(gap.cell for gap in brief.gaps)]
    closed = find_unshowable(generator, cells, collection)
    if has_others or not closed:
        return brief

    def is_open(cell: Cell) -> bool:
        return (cell.facet, cell.value) not in closed

    gaps, named = (gap for gap in brief.gaps if is_open(gap.cell)), tuple(filter(is_open, brief.named))
    narrowed = replace(
        brief,
        gaps=tuple(gaps),
        named=named,
        facet_values={
            facet: tuple(value for value in values if (facet, value) not in closed)
            for facet, values in brief.facet_values.items()
        },
    )
    if (brief.named and not named) or (brief.gaps and not narrowed.gaps):
        raise ToolError(f"nothing is drafted: {explain_unshowable(generator, closed)}")
    return narrowed


def explain_draft(session: Session, protocol: Protocol) -> str:
    """Return why a draft cannot be generated: cells that its generator cannot show, and what could; else empty."""
    return explain_unshowable(_name_generator(session, protocol), _list_closed(session, protocol))


def drop_unshowable(session: Session, protocol: Protocol) -> Protocol:
    """Return a protocol without the cells that its generator cannot show.

    Raises:
        ToolError: None is left.
    """
    closed = _list_closed(session, protocol)
    cells = tuple(one for one in protocol.cells if (one.cell.facet, one.cell.value) not in closed)
    if closed and not cells:
        raise ToolError(explain_draft(session, protocol))
    return replace(protocol, cells=cells) if closed else protocol


def _list_closed(session: Session, protocol: Protocol) -> list[Pair]:
    """Return what the generator of a protocol cannot show; photos of a pool and pasted objects are what they are."""
    if protocol.remedy.partition(":")[0] != GENERATE:
        return []
    cells = [request.cell for request in protocol.cells]
    return find_unshowable(_name_generator(session, protocol), cells, session.collection)


def describe_prompt_words(session: Session, protocol: Protocol) -> str:
    """Return which share of the telling words of a protocol's prompts its generator understands, in one line.

    Empty where the remedy reads no prompt, or where there is none yet.
    """
    generator = _name_generator(session, protocol)
    prompts = {(request.cell.class_name, prompt) for request in protocol.cells for prompt in request.prompts}
    known = find_capabilities(generator)
    name = generator.partition(":")[0]
    if protocol.remedy.partition(":")[0] != GENERATE or not prompts or known is None:
        return ""
    if known.reads == "nothing":
        return f"{name} reads no prompts"
    if known.reads == "whole":
        return f"{name} is given whole prompts; how much of them its images show is not known"
    found = [find_understood_words(prompt, class_name) for class_name, prompt in prompts]
    yes, no = (sum(len(part[place]) for part in found) for place in (0, 1))
    if not yes + no:
        return ""
    others = sorted({word for _, words in found for word in words})
    more = f" and {len(others) - _MOST_WORDS} more" if len(others) > _MOST_WORDS else ""
    ignored = f"; it ignores {', '.join(others[:_MOST_WORDS])}{more}" if others else ""
    return f"{name} understands {yes} of {yes + no} telling words of the prompts ({yes / (yes + no):.0%}){ignored}"


def _name_generator(session: Session, protocol: Protocol) -> str:
    """Return the generator of a protocol: that of its remedy's options, or the run's."""
    name, _, options = protocol.remedy.partition(":")
    return options if name == GENERATE and options else session.spec.generator
