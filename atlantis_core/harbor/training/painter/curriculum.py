"""The painter's training data: which scenes, with which prompts.

It knows the classes of the demo, as SDXL knows cars, but no image of any world. One combination of class and
condition in eight is held out of its training, to measure images of unseen combinations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from atlantis_core.harbor import seeds
from atlantis_core.harbor.scene import Scene, sample_scene
from atlantis_core.harbor.vocabulary import CLASSES, COLOURS, CONDITIONS, VESSELS, VesselClass, caption_for

_HELD_OUT_ONE_IN = 8

_PHRASES = {
    "day": ("by day", "in daylight", "on a clear day", "day"),
    "night": ("at night", "after dark", "at night, harbour lights", "night"),
    "fog": ("in fog", "in thick fog", "on a foggy morning", "fog"),
    "sunset": ("at sunset", "at dusk", "under an orange sky at sunset", "sunset"),
    "storm": ("in a storm", "in heavy rain and wind", "in a stormy sea", "storm"),
    "snow": ("in falling snow", "in snow", "on a snowy day", "snow"),
}

_ASIDES = (
    *("", "", "", ", seen straight on", ", seen from the side", ", from a little further away", ", close up"),
    *(", from the left", ", from the right", ", far away", ", with other boats behind", ", sharp photo"),
)
"""Additions to prompts; the painter learns that they have no effect."""


ATTRIBUTES = (VESSELS, COLOURS, COLOURS, CONDITIONS)
"""Values of the four attributes: vessel, hull, trim, condition."""


def encode_attributes(shown: Iterable[tuple[VesselClass, str]]) -> npt.NDArray[np.int64]:
    """Return the attributes of N classes and conditions as indexes, (N, 4)."""
    rows = [(c.vessel, c.hull, c.trim, condition) for c, condition in shown]
    return np.array([[values.index(one) for values, one in zip(ATTRIBUTES, row, strict=True)] for row in rows])


def is_held_out(vessel_class: VesselClass, condition: str) -> bool:
    """Return whether a combination is held out of the painter's training."""
    digest = hashlib.sha256(f"{vessel_class.label}/{condition}".encode()).digest()
    return digest[0] % _HELD_OUT_ONE_IN == 0


def combinations() -> Iterator[tuple[int, int]]:
    """Yield the training combinations: indexes into `CLASSES` and `CONDITIONS`."""
    for number, vessel_class in enumerate(CLASSES):
        for condition_number, condition in enumerate(CONDITIONS):
            if not is_held_out(vessel_class, condition):
                yield number, condition_number


def training_scene(class_number: int, condition_number: int, index: int) -> Scene:
    """Return the `index`-th training scene of a combination."""
    seed = seeds.PAINTER + ((class_number * len(CONDITIONS)) + condition_number) * 1_000_000 + index
    return sample_scene(CLASSES[class_number], CONDITIONS[condition_number], seed)


def sample_prompt(vessel_class: VesselClass, condition: str, rng: np.random.Generator) -> str:
    """Sample a prompt for an image.

    Class labels (`trawler-red-white`) occur too, since prompts written without a chat model contain them.
    """
    phrase = str(rng.choice(_PHRASES[condition]))
    aside = str(rng.choice(_ASIDES))
    if rng.random() < 0.4:
        return f"a photo of {vessel_class.label}, {phrase}{aside}"
    if rng.random() < 0.2:
        return caption_for(vessel_class, condition)
    start = str(rng.choice(("", "a photo of ", "a picture of ")))
    colours = f"{vessel_class.hull} and {vessel_class.trim}"
    if rng.random() < 0.4:
        parts = f"with a {vessel_class.hull} hull and {vessel_class.trim} trim"
        return f"{start}a {vessel_class.vessel} {parts} {phrase}{aside}"
    return f"{start}a {colours} {vessel_class.vessel} {phrase}{aside}"
