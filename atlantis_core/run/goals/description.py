"""Reading a goal back to the person, so that nobody has to guess what was understood."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.base.targets import find_other_metric, list_shares
from atlantis_core.base.text import quote
from atlantis_core.data.facets import facet_value_lists
from atlantis_core.run.goals.clauses import split_clauses
from atlantis_core.run.goals.selectors import find_classes_by_count, find_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.records import Cell, Collection, Goal

_MOST_WORDS = 8


def describe_goal(goal: Goal, collection: Collection) -> str:
    """Say what a goal was understood to ask for in a collection, and which of its words name nothing there."""
    parts = [f"read by {goal.by} as {quote(goal.english, 400)}"] if goal.by else []
    parts.append(_describe_cells(goal, collection))
    parts += [f"left alone: {_list_cells(goal.skip)}"] if goal.skip else []
    parts += [f"to reach Recall@1 {goal.target:g}"] if goal.target is not None else []
    parts += [f"to gain {100 * goal.gain:g} points"] if goal.gain is not None else []
    parts += ["the run ends with its diagnosis"] if goal.mode == "diagnose" else []
    if goal.unmatched:
        words = ", ".join(quote(word, 30) for word in goal.unmatched[:_MOST_WORDS])
        parts.append(f"words that name nothing here: {words}")
    if metric := find_other_metric(goal.text):
        parts.append(f"{quote(metric, 20)} sets no target: rounds are judged by Recall@1")
    elif goal.target is None and goal.gain is None and (figures := list_shares(goal.text)):
        parts.append(
            f"not understood: {', '.join(quote(figure, 20) for figure in figures)} (say 'R@1 of 0.9' or '+3 points')"
        )
    if not goal.by and (questions := split_clauses(goal.text).questions):
        asked = ", ".join(quote(question, 80) for question in questions)
        parts.append(f"a run answers no question, `atlantis chat` does: {asked}")
    return "; ".join(parts)


def _describe_cells(goal: Goal, collection: Collection) -> str:
    if not goal.cells:
        known = "; ".join(
            f"{facet}: {', '.join(values[:6])}" for facet, values in facet_value_lists(collection).items()
        )
        hint = f"it could name {known}" if known else "facets will come from captions"
        return f"the goal names no class and no facet value, so every query counts ({hint})"
    return f"the goal names {_list_cells(goal.cells)}{_explain_classes(goal, collection)}"


def _list_cells(cells: Sequence[Cell]) -> str:
    values = sorted({f"{cell.facet}={cell.value}" for cell in cells if cell.facet})
    classes = sorted({cell.class_name for cell in cells if cell.class_name})
    many = f"{len(classes)} classes ({', '.join(classes[:3])}{', ...' if len(classes) > 3 else ''})"
    named = [", ".join(values)] if values else []
    named += [many if len(classes) > 1 else f"class {classes[0]}"] if classes else []
    return " in ".join(named)


def _explain_classes(goal: Goal, collection: Collection) -> str:
    """Say why a goal's classes were chosen, where it does not name them."""
    if any(cell.facet for cell in goal.cells):
        return ""
    words = split_clauses(goal.text).rest
    if alone := find_values(words, collection):
        return f", trained on {', '.join(f'{facet}={value}' for facet, value in alone)} alone"
    few = set(find_classes_by_count(words, collection))
    return ", with few training photos" if few and {cell.class_name for cell in goal.cells} <= few else ""
