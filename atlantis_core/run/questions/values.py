"""Leave one facet value out: how much queries of a value depend on gallery images with the same value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from atlantis_core.base.text import quote
from atlantis_core.data.facets import facet_value_lists
from atlantis_core.run.measurements import load_model
from atlantis_core.run.questions.subjects import MOST_LISTED, EmbeddedTask, require_facet

if TYPE_CHECKING:
    from atlantis_core.run.session import Session


def answer(session: Session, model: str, subject: str) -> tuple[str, Any]:
    """Answer for one facet: Recall@1 of each value's queries with the whole gallery, and without that value."""
    facet = require_facet(session, subject)
    embedded = EmbeddedTask(session, load_model(session, model))
    every = np.ones(len(embedded.task.gallery), np.bool_)
    rows: list[dict[str, Any]] = []
    unsearched: list[str] = []
    for value in facet_value_lists(session.collection)[facet]:
        queries = [image for image in embedded.task.queries if image.facets.get(facet) == value]
        if not queries:
            continue
        if all(image.facets.get(facet) != value for image in embedded.task.gallery):
            unsearched.append(f"{quote(value, 40)} ({len(queries)} queries)")
            continue
        without = np.array([image.facets.get(facet) != value for image in embedded.task.gallery])
        full, left = embedded.measure_all(queries, every), embedded.measure_all(queries, without)
        rows.append({"value": value, "queries": len(queries), "recall_at_1": full, "without": left})
    rows.sort(key=lambda row: row["without"] - row["recall_at_1"])
    lines = "; ".join(
        f"{quote(str(row['value']), 40)} ({row['queries']} queries) {row['recall_at_1']:.3f} -> {row['without']:.3f}"
        for row in rows[:MOST_LISTED]
    )
    text = (
        f"R@1 by {quote(facet, 60)}, with the whole gallery -> without its images of that value: {lines or 'none'}. "
        "A deep fall: images of that value are what its queries are found by"
    )
    if unsearched:
        text += f". No image that is searched shows {', '.join(unsearched[:MOST_LISTED])}: nothing to leave out"
    return text, rows
