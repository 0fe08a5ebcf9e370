"""The page of the queries that a round won and lost: each beside what came first before and after."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError, ToolError
from atlantis_core.run.top_images import find_top_images
from atlantis_core.views.query_trace import query_facts
from atlantis_dml.report.thumbnails import embed_thumbnail
from atlantis_dml.text.moved_cells import MOVED_NOTE, build_cell_table, build_moved_tables, list_changed
from atlantis_dml.text.templating import render_template

if TYPE_CHECKING:
    from atlantis_core.records import LabelledImage
    from atlantis_core.run.session import Session
    from atlantis_core.views.query_trace import QueryMove, QueryTrace

MOST_QUERIES = 24
"""Won queries that are shown, and lost ones."""
SIDE_PX = 144
_NO_PHOTO = "What came first is shown by its class alone"


def render_query_page(session: Session, trace: QueryTrace) -> str:
    """Return a page without requests; it embeds images of at most `MOST_QUERIES` won and lost queries each.

    Of the seeds that won or lost a query, the first is shown. What came first is ranked again by the models, once; it
    is shown by its class alone if the queries are attacked, or if a model is gone.
    """
    shown = {"won": trace.won[:MOST_QUERIES], "lost": trace.lost[:MOST_QUERIES]}
    tops, note = _find_tops(session, trace, {one.seed for part in shown.values() for one in part})
    examples = {image.label: image for image in reversed(session.task.gallery)}
    facts, seeds = trace.facts(), trace.moves.seeds
    return render_template(
        "report/queries.html",
        run_id=session.run_id,
        trace=facts,
        note=note,
        moved_note=MOVED_NOTE,
        parts={name: [_describe_query(one, tops, examples) for one in part] for name, part in shown.items()},
        moved=build_moved_tables(facts),
        changed={
            title: build_cell_table(list_changed(facts[name]), seeds)
            for title, name in (("By class", "by_class"), ("By facet value", "by_value"))
        },
        version=metadata.version("atlantis-dml"),
    )


Tops = Mapping[str, Mapping[int, Mapping[str, "LabelledImage"]]]
"""`incumbent` and `candidate` -> place of the seed -> query id -> its top-1 image."""


def _find_tops(session: Session, trace: QueryTrace, places: set[int]) -> tuple[Tops, str]:
    """Return the top-1 images of these seeds, and why there are none."""
    if session.attack is not None:
        return {}, f"{_NO_PHOTO}: the queries are attacked."
    try:
        return {
            name: {place: find_top_images(session, models[place]) for place in sorted(places)}
            for name, models in (("incumbent", trace.incumbent), ("candidate", trace.candidate))
        }, ""
    except (SetupError, ToolError) as error:
        return {}, f"{_NO_PHOTO}: {error}."


def _describe_query(move: QueryMove, tops: Tops, examples: Mapping[str, LabelledImage]) -> dict[str, Any]:
    return query_facts(move) | {
        "image": embed_thumbnail(move.path, SIDE_PX),
        "before": _describe_top(move, tops.get("incumbent", {}), move.seed_top_before, examples),
        "after": _describe_top(move, tops.get("candidate", {}), move.seed_top_after, examples),
    }


def _describe_top(
    move: QueryMove,
    tops: Mapping[int, Mapping[str, LabelledImage]],
    label: str,
    examples: Mapping[str, LabelledImage],
) -> dict[str, Any]:
    """Return what came first with the shown seed.

    Where a class mean came first, a photo of the class is shown. No image is shown if the ranking now gives another
    class than the one that was measured.
    """
    ranked = tops.get(move.seed, {})
    is_example = move.seed in tops and move.id not in ranked
    found = examples.get(label) if is_example else ranked.get(move.id)
    image = embed_thumbnail(found.path, SIDE_PX) if found and found.label == label else None
    return {
        "class": label,
        "is_hit": label == move.class_name,
        "image": image,
        "is_example": is_example and image is not None,
    }
