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
from atlantis_dml.cli.command import command

if TYPE_CHECKING:
    from atlantis_core.records import Collection
    from atlantis_core.views.embedding_map import EmbeddingMap
    from atlantis_dml.app.evaluate import Subject
    from atlantis_dml.app.progress import Screen
    from atlantis_dml.plots.canvas import Canvas

plot = typer.Typer(name="plot", help="Draw how a model embeds images and classes.", rich_markup_mode=None)


@plot.callback(invoke_without_command=True)
def _which(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


_LONGEST_TITLE = 110
_THUMBNAIL_PX = 96

MapOut = Annotated[
    Path,
    typer.Option("--out", metavar="FILE", help="A new .html (shows photos), .svg or .png file.", show_default=False),
]
HeatMapOut = Annotated[
    Path, typer.Option("--out", metavar="FILE", help="A new .html, .svg or .png file.", show_default=False)
]


@plot.command("map")
@command("regime label split query gallery facets")
def plot_map(
    *,
    model: options.Model,
    data: options.Data,
    out: MapOut,
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
    from atlantis_dml.app.evaluate import Subject
    from atlantis_dml.plots.files import check_target

    if colour is not None:
        given = replace(given, kept=(colour,))
    subject = Subject(model, data, given, embedding)
    found = _plot_map(subject, check_target(out), colour, most, seed, workspace)
    print_json(found) if as_json else _say_map(found)


@plot.command("heatmap")
@command("regime label split query gallery facets")
def plot_heat_map(
    *,
    model: options.Model,
    data: options.Data,
    out: HeatMapOut,
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
    from atlantis_dml.app.evaluate import Subject
    from atlantis_dml.plots.files import check_target

    subject = Subject(model, data, given, embedding)
    found = _plot_heat_map(subject, check_target(out), shown, most, workspace)
    print_json(found) if as_json else _say_heat_map(found)


def _plot_map(
    subject: Subject, target: Path, colour: str | None, most: int, seed: int, folder: Path | None
) -> dict[str, Any]:
    from atlantis_core.views.embedding_map import build_embedding_map
    from atlantis_dml.app.evaluate import open_subject
    from atlantis_dml.app.progress import open_stderr_screen
    from atlantis_dml.plots.embedding_map import draw_map

    started = time.monotonic()
    with open_stderr_screen() as screen:
        asked = {} if colour is None else {"--colour": colour}
        retriever, collection, task = open_subject(subject, folder, screen, asked)
        found = build_embedding_map(retriever, task, most, seed, screen.progress)
        canvas = draw_map(found, colour, _build_title(subject, collection))
        _write(canvas, target, found, screen)
    about = {"embedding": retriever.embedding, "weights": retriever.weights}
    facts = {"colour": colour or "class"} | about | found.facts()
    return _facts(subject, target, started) | facts


def _plot_heat_map(subject: Subject, target: Path, shown: str, most: int, folder: Path | None) -> dict[str, Any]:
    from atlantis_core.views.heat_map import build_heat_map, parse_heat_map_kind
    from atlantis_dml.app.evaluate import open_subject
    from atlantis_dml.app.progress import open_stderr_screen
    from atlantis_dml.plots.heat_map import draw_heat_map

    started = time.monotonic()
    wanted = parse_heat_map_kind(shown)
    with open_stderr_screen() as screen:
        retriever, collection, task = open_subject(subject, folder, screen)
        found = build_heat_map(retriever, task, wanted, most, screen.progress)
        canvas = draw_heat_map(found, f"{_build_title(subject, collection)}: {wanted} of classes")
        _write(canvas, target, None, screen)
    about = {"embedding": retriever.embedding, "weights": retriever.weights}
    return _facts(subject, target, started) | about | found.facts()


def _build_title(subject: Subject, collection: Collection) -> str:
    return clean_text(f"{Path(subject.model).name} on {collection.name}, validation", _LONGEST_TITLE)


def _write(canvas: Canvas, target: Path, found: EmbeddingMap | None, screen: Screen) -> None:
    """Write the drawing; the HTML page of a map also gets thumbnails."""
    from atlantis_dml.plots.files import write_plot
    from atlantis_dml.report.thumbnails import embed_thumbnail

    thumbnails = {}
    points = found.points if found is not None and target.suffix.lower() == ".html" else ()
    for index, point in enumerate(points):
        screen.progress("making thumbnails", index, len(points))
        if small := embed_thumbnail(point.image.path, _THUMBNAIL_PX):
            thumbnails[str(index)] = small
    write_plot(canvas, target, thumbnails)


def _facts(subject: Subject, target: Path, started: float) -> dict[str, Any]:
    return {
        "plot": str(target),
        "model": subject.model,
        "data": subject.data,
        "split": "validation",
        "seconds": round(time.monotonic() - started, 2),
    }


def _say_map(found: dict[str, Any]) -> None:
    more = f"; {found['not_drawn']} more are not drawn (--images)" if found["not_drawn"] else ""
    typer.echo(f"{found['images']} images, {found['misses']} of {found['queries']} queries with a wrong top-1{more}")
    say(f"look at {found['plot']}")


def _say_heat_map(found: dict[str, Any]) -> None:
    more = f"; {found['not_drawn']} more are not drawn (--classes)" if found["not_drawn"] else ""
    typer.echo(f"{len(found['classes'])} classes, {found['measured_in']}{more}")
    say(f"look at {found['plot']}")
