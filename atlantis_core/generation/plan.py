"""From a request to the edits that will be made, with their strengths: pure, and a function of the request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlantis_core.generation.draws import Draws, derived_seed
from atlantis_core.generation.vocabulary import meanings_of

if TYPE_CHECKING:
    from atlantis_core.generation.vocabulary import Meaning
    from atlantis_core.records import GenerationRequest

_ORDER = (
    "viewpoint",
    *("background", "background_blur", "background_clutter", "background_plain", "occlusion"),
    *("clear", "vivid", "muted", "warm", "cool", "high_contrast", "low_contrast"),
    *("sunset", "bright", "dark", "night", "fog", "rain", "storm", "snow", "glare"),
    *("blur", "motion", "sharp", "noise"),
)
"""From the scene to the sensor: the thing moves, then light and weather fall on it, then the camera takes it."""

_MILD_LIGHT = ("dark", "bright", "clear", "warm", "cool", "low_contrast", "high_contrast", "glare", "muted", "vivid")
_MILD_CAMERA = ("blur", "noise", "sharp")

_LIGHT = frozenset(_ORDER[_ORDER.index("clear") : _ORDER.index("blur")])
"""Edits after which a picture may borrow a reference's light; a plain background or a tilt says nothing of light."""


@dataclass(frozen=True, slots=True)
class Step:
    """One edit of a plan."""

    edit: str
    strength: float
    """Above 0 to 1."""
    seed: int
    """Of everything else the edit draws."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done for one request."""

    steps: tuple[Step, ...]
    recognised: bool
    """False where no word was known and a mild, varied mix is made instead."""
    words: tuple[str, ...]
    """The words that asked for the edits."""
    borrowed: float
    """How much of the reference's light is borrowed, 0 to 1; 0 without a reference."""


def plan_of(request: GenerationRequest) -> Plan:
    """Choose the edits and their strengths.

    Args:
        request: Cell, prompt and seed decide; nothing else does.

    Returns:
        The plan; equal requests give equal plans.
    """
    cell = request.cell
    meanings = meanings_of(cell.facet, cell.value, cell.class_name, request.prompt)
    draws = Draws(derived_seed(request.seed, "plan"))
    strengths = _asked_for(meanings, draws) if meanings else _mild_mix(draws)
    borrowed = 0.0
    if request.reference_path and (not meanings or _LIGHT & strengths.keys()):
        strengths, borrowed = _shared(strengths, draws)
    steps = tuple(
        Step(edit, round(strengths[edit], 3), derived_seed(request.seed, edit))
        for edit in _ORDER
        if edit in strengths
    )
    words = tuple(meaning.word for meaning in meanings)
    return Plan(steps, recognised=bool(meanings), words=words, borrowed=round(borrowed, 3))


def _asked_for(meanings: tuple[Meaning, ...], draws: Draws) -> dict[str, float]:
    """Vary the strength of what is asked for, and in most pictures the viewpoint a little."""
    strengths = {meaning.edit: meaning.strength * draws.uniform(0.75, 1.0) for meaning in meanings}
    if draws.chance(0.7):
        strengths.setdefault("viewpoint", draws.uniform(0.15, 0.45))
    return strengths


def _shared(strengths: dict[str, float], draws: Draws) -> tuple[dict[str, float], float]:
    """Leave the light to the reference in half of the pictures, and to the words in the others."""
    if draws.chance(0.5):
        return strengths, draws.uniform(0.3, 0.7)
    fainter = draws.uniform(0.2, 0.6)
    return {edit: value * (fainter if edit in _LIGHT else 1) for edit, value in strengths.items()}, draws.uniform(
        0.7, 1
    )


def _mild_mix(draws: Draws) -> dict[str, float]:
    """Mix a little of viewpoint, light, background and camera."""
    strengths = {"viewpoint": draws.uniform(0.25, 0.7)}
    strengths[draws.pick(_MILD_LIGHT)] = draws.uniform(0.3, 0.6)
    if draws.chance(0.4):
        strengths["background"] = draws.uniform(0.5, 0.9)
    if draws.chance(0.35):
        strengths[draws.pick(_MILD_CAMERA)] = draws.uniform(0.2, 0.5)
    return strengths
