"""The steps of a trace that contain some words, and the title of a step."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from atlantis_dml.text.steps import describe_step, format_title, summarise_step
from atlantis_dml.views.trace import sum_cost, total_seconds, walk

Event = Mapping[str, Any]


def find_steps(tree: Iterable[Event], words: str) -> list[Event]:
    """Return the events of `events.tree` that contain the words, in any case and spacing; none for no words."""
    wanted = _normalise(words)
    return [node for node in walk(tree) if wanted and wanted in _normalise(_searchable_text(node))]  # type: ignore[arg-type]


def title_step(node: Event) -> str:
    """Return an event's title, with time and costs of what is below it."""
    tokens, usd = sum_cost(node)
    return format_title({**node, "took": total_seconds(node), "tokens": tokens, "usd": usd})


def _normalise(text: str) -> str:
    return " ".join(text.casefold().split())


def _searchable_text(node: Event) -> str:
    """Return the text that a search covers: the lines of a step in `atlantis trace`, and its record."""
    recorded = (json.dumps(node[key], ensure_ascii=False) for key in ("input", "output"))
    return "\n".join([title_step(node), summarise_step(node), *describe_step(node, whole=True), *recorded])
