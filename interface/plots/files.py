"""Writing a drawing to a file: SVG, PNG, or one self-contained HTML page; and files whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from atlantis_core.base.atomic_file import check_writable, write_atomically
from atlantis_core.base.errors import SetupError
from atlantis_dml.plots.canvas import render_png, render_svg
from atlantis_dml.text.templating import render_template

if TYPE_CHECKING:
    from atlantis_dml.plots.canvas import Canvas

KINDS = ("html", "svg", "png")


def check_target(out: Path, kinds: Sequence[str] = KINDS) -> Path:
    """Return where a plot or a report goes, before any work is done for it.

    Args:
        out: As typed.
        kinds: Endings that it may have.

    Raises:
        SetupError: The name does not say the kind, something is there already, or nothing can be written there.
    """
    target = out.expanduser()
    if target.suffix.lower().removeprefix(".") not in kinds:
        raise SetupError(f"--out {str(out)!r} ends in none of .{', .'.join(kinds)}; the ending says what is written")
    if not target.parent.is_dir():
        raise SetupError(f"there is no folder {str(target.parent)!r} for --out; make it first")
    try:
        check_writable(target)
    except OSError as error:
        raise _unwritable(target, error) from error
    if target.is_dir() or (target.exists() and target.stat().st_size):
        raise SetupError(f"{str(out)!r} is there already; remove it, or name another --out")
    return target


def write_plot(canvas: Canvas, target: Path, thumbnails: Mapping[str, str]) -> None:
    """Write a drawing, whole or not at all; the ending of the name says as what.

    Args:
        canvas: The drawing.
        target: What `check_target` returned.
        thumbnails: Key of a dot -> picture as a data URL; a page shows it to whoever points at the dot.

    Raises:
        SetupError: The file cannot be written.
    """
    kind = target.suffix.lower()
    write_file(render_png(canvas) if kind == ".png" else _text(canvas, kind, thumbnails).encode("utf-8"), target)


def write_file(data: bytes, target: Path) -> None:
    """Write a file whole or not at all: a reader may look while a run writes.

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


def _text(canvas: Canvas, kind: str, thumbnails: Mapping[str, str]) -> str:
    drawing = render_svg(canvas)
    return drawing + "\n" if kind == ".svg" else _page(canvas, drawing, thumbnails)


def _page(canvas: Canvas, drawing: str, thumbnails: Mapping[str, str]) -> str:
    """Return the page. Names are escaped in the drawing; no request leaves the page."""
    from markupsafe import Markup

    # `<` cannot end the script that holds the data.
    data = json.dumps(dict(thumbnails)).replace("<", "\\u003c")
    return render_template(
        "plots/plot.html",
        title=canvas.title,
        drawing=Markup(drawing),  # noqa: S704 (built by ElementTree, which escaped every text)
        thumbnails=Markup(data),  # noqa: S704 (data URLs of pictures made here, and numbers)
    )
