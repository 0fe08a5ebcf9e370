"""The contact sheet of a question to a person: the photo, photos like it, and examples of the likely classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont, ImageOps

from atlantis_core.base.errors import AtlantisError
from atlantis_core.data.image_io import open_image

if TYPE_CHECKING:
    from pathlib import Path

    from atlantis_core.records import PhotoQuestion

_PHOTO_PX, _SMALL_PX, _GAP_PX, _LINE_PX = 320, 104, 8, 22
_ALIKE_COLUMNS = 4
_WIDTH_PX = _PHOTO_PX + _GAP_PX + _ALIKE_COLUMNS * (_SMALL_PX + _GAP_PX)
_LONGEST_NAME = 24
_GREY, _INK = (235, 235, 235), (20, 20, 20)


def write_question_sheet(
    file: Path, question: PhotoQuestion, choices: Sequence[str], paths: Mapping[str, str]
) -> None:
    """Write the contact sheet of a question as a JPEG.

    Left is the photo, right are photos like it, and below the classes to choose from, numbered from 1, with training
    photos of each. A photo whose file is gone is a grey square.

    Args:
        file: Where to.
        question: What is asked.
        choices: Names of classes, in the order of their numbers.
        paths: Id -> file of each photo.
    """
    examples = [question.examples.get(name, ()) for name in choices]
    widest = max((len(ids) for ids in examples), default=1)
    cell_px = max(1, widest) * (_SMALL_PX + _GAP_PX) + _GAP_PX
    columns = max(1, _WIDTH_PX // cell_px)
    rows = -(-len(choices) // columns)
    row_px = _SMALL_PX + _LINE_PX + _GAP_PX
    sheet = Image.new("RGB", (_WIDTH_PX, _PHOTO_PX + _LINE_PX + rows * row_px), "white")
    draw = ImageDraw.Draw(sheet)
    sheet.paste(_read(paths.get(question.image_id), _PHOTO_PX), (0, 0))
    for place, image_id in enumerate(question.alike):
        line, column = divmod(place, _ALIKE_COLUMNS)
        left = _PHOTO_PX + _GAP_PX + column * (_SMALL_PX + _GAP_PX)
        sheet.paste(_read(paths.get(image_id), _SMALL_PX), (left, _LINE_PX + line * (_SMALL_PX + _GAP_PX)))
    _write(draw, (_PHOTO_PX + _GAP_PX, 0), "photos like it" if question.alike else "no other photo is like it")
    for place, (name, ids) in enumerate(zip(choices, examples, strict=True)):
        line, column = divmod(place, columns)
        left, top = column * cell_px, _PHOTO_PX + _GAP_PX + line * row_px
        _write(draw, (left, top), f"{place + 1} {name}"[:_LONGEST_NAME])
        for number, image_id in enumerate(ids):
            at = (left + number * (_SMALL_PX + _GAP_PX), top + _LINE_PX)
            sheet.paste(_read(paths.get(image_id), _SMALL_PX), at)
    sheet.save(file, "JPEG", quality=88)


def _read(path: str | None, side_px: int) -> Image.Image:
    """Return a photo in the middle of a grey square."""
    square = Image.new("RGB", (side_px, side_px), _GREY)
    try:
        photo = open_image(path, side_px) if path else square
    except AtlantisError:
        return square
    photo = ImageOps.contain(photo, square.size)
    square.paste(photo, ((side_px - photo.width) // 2, (side_px - photo.height) // 2))
    return square


def _write(draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str) -> None:
    draw.text(place, text, fill=_INK, font=ImageFont.load_default(14))
