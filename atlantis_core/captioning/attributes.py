"""The captioner without a model: measures pixels and describes the measurements in words.

The thresholds are absolute and perceptual, so `dark` means the same in every collection. They were chosen by
looking at shop photos, their thumbnails and harbor renders, never from the quantiles of one collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.data.facets import add_caption_facets
from atlantis_core.data.image_io import open_image
from atlantis_core.records import Caption, Collection, LabelledImage

if TYPE_CHECKING:
    from atlantis_core.captioning.measures import Measures

_DARK_BELOW, _BRIGHT_ABOVE = 40.0, 60.0
"""L*: two thirds of a stop under and over a grey card."""
_FLAT_BELOW, _HARD_ABOVE = 16.0, 24.0
_MUTED_BELOW, _VIVID_ABOVE = 33.0, 82.0
"""The ends of "moderately" and "highly colourful" in Hasler and Suesstrunk 2003, table 1."""
_CAST_ABOVE = 12.0
_WARM_DEGREES = (-45.0, 135.0)
_BLURRED_ABOVE = 0.38
"""A Gaussian blur of 1 px moves the median shop photo from 0.29 to 0.46."""
_PLAIN_BELOW, _CLUTTERED_ABOVE = 0.45, 0.70

_WORDS = {
    "light": {"dark": "dark", "bright": "bright"},
    "contrast": {"low": "low-contrast", "high": "high-contrast"},
    "colour": {"muted": "muted", "vivid": "vivid"},
    "sharpness": {"blurred": "blurred"},
}
_ENDINGS = {
    "cast": {"warm": "a warm cast", "cool": "a cool cast"},
    "background": {"plain": "a plain background", "cluttered": "a cluttered background"},
}
MEASURED = ("light", "contrast", "colour", "cast", "sharpness", "background")


class AttributeCaptioner:
    """Captions images by their measured light, contrast, colour, cast, sharpness and background."""

    name = "attributes"
    recognises = False
    version = "1"

    def caption(self, images: Sequence[LabelledImage]) -> list[Caption]:
        """Return one caption per image, in order. Labels and metadata are never read.

        Raises:
            ToolError: An image cannot be read.
        """
        captions = []
        for image in images:
            attributes = measure_attributes(image.path)
            captions.append(Caption(image.id, describe_attributes(attributes), attributes))
        return captions


def add_measured_facets(collection: Collection, progress: Progress = no_progress) -> Collection:
    """Add the measured facets to a collection that has no facets; return any other collection unchanged.

    Raises:
        ToolError: An image cannot be read.
    """
    if collection.facets:
        return collection
    captioner, captions = AttributeCaptioner(), []
    for done, image in enumerate(collection.images):
        progress("measuring photos", done, len(collection.images))
        captions += captioner.caption([image])
    return add_caption_facets(collection, captions)


def measure_attributes(path: str) -> dict[str, str]:
    """Measure an image file: facet -> value, for every facet in `MEASURED`.

    Raises:
        ToolError: The file cannot be read.
    """
    from atlantis_core.captioning.measures import measure_image

    return name_attributes(measure_image(open_image(path)))


def name_attributes(measures: Measures) -> dict[str, str]:
    """Name the level of each measurement: facet -> value."""
    cast = "neutral"
    if measures.cast > _CAST_ABOVE:
        first, last = _WARM_DEGREES
        cast = "warm" if first <= measures.cast_degrees <= last else "cool"
    return {
        "light": _name_level(measures.lightness, _DARK_BELOW, _BRIGHT_ABOVE, ("dark", "normal", "bright")),
        "contrast": _name_level(measures.contrast, _FLAT_BELOW, _HARD_ABOVE, ("low", "normal", "high")),
        "colour": _name_level(measures.colourfulness, _MUTED_BELOW, _VIVID_ABOVE, ("muted", "normal", "vivid")),
        "cast": cast,
        "sharpness": "blurred" if measures.blur > _BLURRED_ABOVE else "sharp",
        "background": _name_level(measures.clutter, _PLAIN_BELOW, _CLUTTERED_ABOVE, ("plain", "normal", "cluttered")),
    }


def describe_attributes(attributes: Mapping[str, str]) -> str:
    """Describe attributes by a phrase such as "a dark, muted photo with a plain background"."""
    adjectives = [words[attributes[facet]] for facet, words in _WORDS.items() if attributes[facet] in words]
    endings = [words[attributes[facet]] for facet, words in _ENDINGS.items() if attributes[facet] in words]
    phrase = f"a {', '.join(adjectives)} photo" if adjectives else "an evenly lit photo"
    return f"{phrase} with {' and '.join(endings)}" if endings else phrase


def _name_level(value: float, low: float, high: float, names: tuple[str, str, str]) -> str:
    if value < low:
        return names[0]
    return names[2] if value > high else names[1]
