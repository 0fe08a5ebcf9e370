"""`atlantis plot`: draws how a model embeds images and classes.

Both drawings are here, since they share most options and all of the writing.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from atlantis_core.base.text import clean_text
from atlantis_dml.app.output import print_json, say
from atlantis_dml.app.request import TaskOptions
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command, make_group

if TYPE_CHECKING:
    from atlantis_core.learning.retriever import Retriever
    from atlantis_core.records import Collection
    from atlantis_core.views.embedding_map import EmbeddingMap
    from atlantis_dml.app.evaluate import Subject
    from atlantis_dml.app.progress import Screen

plot = make_group("Draw how a model embeds images and classes.")


@plot.command("map")
@command("regime label split query gallery facets")
def plot_map(
    *,
    model: options.Model,
    data: options.Data,
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="FILE", help="A new .html (shows photos), .svg or .png file.", show_default=False
        ),
    ],
    colour: Annotated[
        str | None,
        typer.Option("--colour", "--color", metavar="COL", help="Colour by a metadata column instead of by class."),
    ] = None,
    most: Annotated[
        int, typer.Option("--images", min=2, help="Draw at most this many images, picked at random.")
    ] = 1500,
    embedding: options.Embedding = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the random pick.")] = 0,
    given: TaskOptions,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Draw the images of the validation task on a plane.

    Similar images are close to each other; queries whose top-1 is of another class are ringed.

    Example: atlantis plot map last photos/ --out map.html --colour lighting
    """
    from atlantis_core.views.embedding_map import build_embedding_map
    from atlantis_dml.app.evaluate import Subject, open_subject
    from atlantis_dml.app.progress import open_stderr_screen
    from atlantis_dml.plots.embedding_map import draw_map
    from atlantis_dml.plots.files import check_target, write_plot

    started, target = time.monotonic(), check_target(out)
    columns = {} if colour is None else {"--colour": colour}
    subject = Subject(model, data, replace(given, kept=tuple(columns.values())), embedding)
    with open_stderr_screen() as screen:
        retriever, collection, task = open_subject(subject, workspace, screen, columns)
        drawn = build_embedding_map(retriever, task, most, seed, screen.progress)
        canvas = draw_map(drawn, colour, _build_title(subject, collection))
        is_page = target.suffix.lower() == ".html"
        warning = write_plot(canvas, target, _embed_thumbnails(drawn, screen) if is_page else {})
    _warn(warning)
    found = _describe_plot(subject, retriever, target, started) | {"colour": colour or "class"} | drawn.facts()
    misses = f"{found['misses']} of {found['queries']} queries with a wrong top-1"
    line = f"{found['images']} images, {misses if found['queries'] else 'no query with a positive'}"
    print_json(found) if as_json else _say_plot(found, line, "--images")


@plot.command("heatmap")
@command("regime label split query gallery facets")
def plot_heat_map(
    *,
    model: options.Model,
    data: options.Data,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="A new .html, .svg or .png file.", show_default=False)
    ],
    shown: Annotated[
        str,
        typer.Option(
            "--of",
            metavar="similarity|confusion",
            help="similarity: average similarity of classes; confusion: which class is top-1 for which.",
        ),
    ] = "similarity",
    most: Annotated[
        int,
        typer.Option(
            "--classes", min=2, max=200, help="Draw at most this many classes: the most often confused ones."
        ),
    ] = 60,
    embedding: options.Embedding = None,
    given: TaskOptions,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Draw a matrix of the classes of the validation task.

    Similar classes are next to each other.

    Example: atlantis plot heatmap last photos/ --out classes.svg --of confusion
    """
    from atlantis_core.views.heat_map import build_heat_map, parse_heat_map_kind
    from atlantis_dml.app.evaluate import Subject, open_subject
    from atlantis_dml.app.progress import open_stderr_screen
    from atlantis_dml.plots.files import check_target, write_plot
    from atlantis_dml.plots.heat_map import draw_heat_map

    started, target = time.monotonic(), check_target(out)
    subject, kind = Subject(model, data, given, embedding), parse_heat_map_kind(shown)
    with open_stderr_screen() as screen:
        retriever, collection, task = open_subject(subject, workspace, screen)
        drawn = build_heat_map(retriever, task, kind, most, screen.progress)
        title = f"{_build_title(subject, collection)}: {kind} of classes"
        warning = write_plot(draw_heat_map(drawn, title), target, {})
    _warn(warning)
    found = _describe_plot(subject, retriever, target, started) | drawn.facts()
    line = f"{len(found['classes'])} classes, {found['measured_in']}"
    print_json(found) if as_json else _say_plot(found, line, "--classes")


def _build_title(subject: Subject, collection: Collection) -> str:
    return clean_text(f"{Path(subject.model).name} on {collection.name}, validation", 110)


def _embed_thumbnails(found: EmbeddingMap, screen: Screen) -> dict[str, str]:
    from atlantis_dml.report.thumbnails import embed_thumbnail

    thumbnails = {}
    for index, point in enumerate(found.points):
        screen.progress("making thumbnails", index, len(found.points))
        if thumbnail := embed_thumbnail(point.image.path, 96):
            thumbnails[str(index)] = thumbnail
    return thumbnails


def _warn(warning: str) -> None:
    if warning:
        say(warning)


def _describe_plot(subject: Subject, retriever: Retriever, target: Path, started: float) -> dict[str, Any]:
    return {
        "plot": str(target),
        "model": subject.model,
        "data": subject.data,
        "split": "validation",
        "seconds": round(time.monotonic() - started, 2),
        "embedding": retriever.embedding,
        "weights": retriever.weights,
    }


def _say_plot(found: dict[str, Any], line: str, option: str) -> None:
    more = f"; {found['not_drawn']} more are not drawn ({option})" if found["not_drawn"] else ""
    typer.echo(line + more)
    say(f"look at {found['plot']}")
