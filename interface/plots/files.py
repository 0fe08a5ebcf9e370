"""Writes drawings to files: SVG, PNG or a self-contained HTML page. Writes are atomic."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from atlantis_core.base.atomic_file import check_writable, write_atomically
from atlantis_core.base.errors import SetupError
from atlantis_dml.plots.canvas import find_missing_letters, render_png, render_svg
from atlantis_dml.text.templating import render_template

if TYPE_CHECKING:
    from atlantis_dml.plots.canvas import Canvas

KINDS = ("html", "svg", "png")


def check_target(out: Path, kinds: Sequence[str] = KINDS) -> Path:
    """Check the path of a plot or report before any work is done, and return it expanded.

    Raises:
        SetupError: The ending is not allowed, the file exists, or it cannot be written.
    """
    target = out.expanduser()
    if target.suffix.lower().removeprefix(".") not in kinds:
        raise SetupError(f"--out {str(out)!r} must end in one of .{', .'.join(kinds)}")
    if not target.parent.is_dir():
        raise SetupError(f"there is no folder {str(target.parent)!r} for --out; create it first")
    try:
        check_writable(target)
    except OSError as error:
        raise _unwritable(target, error) from error
    if target.is_dir() or (target.exists() and target.stat().st_size):
        raise SetupError(f"{str(out)!r} already exists; remove it, or choose another --out")
    return target


def write_plot(canvas: Canvas, target: Path, thumbnails: Mapping[str, str]) -> str:
    """Write a drawing atomically, in the format of the file name's ending.

    A page shows the thumbnails (key of a dot -> data URL) on hover.

    Returns:
        A warning if names cannot be read in it; usually empty.

    Raises:
        SetupError: The file cannot be written.
    """
    kind = target.suffix.lower()
    if kind == ".png":
        write_file(render_png(canvas), target)
        if missing := find_missing_letters(canvas):
            return f"names show boxes for {missing[:20]!r}, which the font of PNGs lacks; .svg and .html show them"
        return ""
    drawing = render_svg(canvas)
    text = drawing + "\n" if kind == ".svg" else _page(canvas, drawing, thumbnails)
    write_file(text.encode("utf-8"), target)
    return ""


def write_file(data: bytes, target: Path) -> None:
    """Write a file atomically, since a page may be read while a run writes it.

    Raises:
        SetupError: The file cannot be written.
    """
    try:
        with write_atomically(target) as part:
            part.write_bytes(data)
    except OSError as error:
        raise _unwritable(target, error) from error


def _unwritable(target: Path, error: OSError) -> SetupError:
    return SetupError(f"{str(target)!r} cannot be written: {error.strerror or error}")


def _page(canvas: Canvas, drawing: str, thumbnails: Mapping[str, str]) -> str:
    """Return the page. Names are escaped in the drawing; the page sends no requests."""
    from markupsafe import Markup

    # Escape `<`, so that the data cannot close the script element.
    data = json.dumps(dict(thumbnails)).replace("<", "\\u003c")
    return render_template(
        "plots/plot.html",
        title=canvas.title,
        drawing=Markup(drawing),  # noqa: S704 (built by ElementTree, which escaped every text)
        thumbnails=Markup(data),  # noqa: S704 (data URLs of thumbnails made here, and numbers)
    )
