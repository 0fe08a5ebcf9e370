"""What the painter has seen, and in which words: the lists that a test checks.

It knows the demo's classes, as SDXL knows cars, but none of the pictures of any world. One class x condition in eight
is held out of its training, so that what it makes of combinations it never saw can be measured.
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
"""What prompts say besides; the painter learns that it changes nothing."""


ATTRIBUTES = (VESSELS, COLOURS, COLOURS, CONDITIONS)
"""What a picture or a prompt can be asked about: vessel, hull, trim, condition."""


def encode_attributes(shown: Iterable[tuple[VesselClass, str]]) -> npt.NDArray[np.int64]:
    """Return the attributes of N classes and conditions as numbers, (N, 4)."""
    told = [(c.vessel, c.hull, c.trim, condition) for c, condition in shown]
    return np.array([[values.index(one) for values, one in zip(ATTRIBUTES, row, strict=True)] for row in told])


def is_held_out(vessel_class: VesselClass, condition: str) -> bool:
    """Tell whether a combination was kept out of the painter's training."""
    digest = hashlib.sha256(f"{vessel_class.label}/{condition}".encode()).digest()
    return digest[0] % _HELD_OUT_ONE_IN == 0


def combinations() -> Iterator[tuple[int, int]]:
    """Yield what is trained on: numbers of class (in `CLASSES`) and condition (in `CONDITIONS`)."""
    for number, vessel_class in enumerate(CLASSES):
        for place, condition in enumerate(CONDITIONS):
            if not is_held_out(vessel_class, condition):
                yield number, place


def training_scene(class_number: int, condition_number: int, index: int) -> Scene:
    """Return the `index`-th training scene of a combination."""
    seed = seeds.PAINTER + ((class_number * len(CONDITIONS)) + condition_number) * 1_000_000 + index
    return sample_scene(CLASSES[class_number], CONDITIONS[condition_number], seed)


def sample_prompt(vessel_class: VesselClass, condition: str, rng: np.random.Generator) -> str:
    """Say what a picture shows, in one of many ways.

    Class names as they are written in folders (`trawler-red-white`) occur too, since that is what prompts are made of
    where nobody knows better words.
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
