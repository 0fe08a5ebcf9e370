"""Which edits a request gets, and how strong: a pure function of the request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlantis_core.generation.draws import RandomDraws, derive_seed
from atlantis_core.generation.edit_words import find_requested_edits
from atlantis_core.generation.edits import BORROWING_EDITS
from atlantis_core.generation.medium_words import DRAWN, MEDIA

if TYPE_CHECKING:
    from atlantis_core.generation.edit_words import EditMatch
    from atlantis_core.records import GenerationRequest

_EDIT_ORDER = (
    "viewpoint",
    *("background", "background_blur", "background_clutter", "background_plain", "occlusion"),
    *("clear", "vivid", "muted", "warm", "cool", "high_contrast", "low_contrast"),
    *("sunset", "bright", "dark", "night", "fog", "rain", "storm", "snow", "glare"),
    *("blur", "motion", "sharp", "noise"),
    *("borrowed_colours", "borrowed_amplitude"),
    *MEDIA,
)
"""From the scene to the sensor: first viewpoint and background, then light and weather, then the camera.

Last what the whole photo is turned into: the statistics of another photo, or another medium.
"""

_MILD_LIGHT = ("dark", "bright", "clear", "warm", "cool", "low_contrast", "high_contrast", "glare", "muted", "vivid")
_MILD_CAMERA = ("blur", "noise", "sharp")

_LIGHT_EDITS = frozenset(_EDIT_ORDER[_EDIT_ORDER.index("clear") : _EDIT_ORDER.index("blur")])
"""Edits that concern light: with one of them, an image may take over the light of a reference."""
_COLOUR_MEDIA = frozenset({"cartoon", "painting", "screen"})
"""Media of which half of the images take over the colours of a reference in part. Drawings and prints keep theirs."""


@dataclass(frozen=True, slots=True)
class EditStep:
    """One edit of a plan."""

    edit: str
    strength: float
    """Above 0 and at most 1."""
    seed: int
    """For all other random numbers of the edit."""


@dataclass(frozen=True, slots=True)
class EditPlan:
    """The edits of one request."""

    steps: tuple[EditStep, ...]
    recognised: bool
    """False if no word was recognised; the plan is then a mild, varied mix."""
    words: tuple[str, ...]
    borrowed: float
    """How much of the reference's light is transferred, 0 to 1; 0 without a reference."""


def plan_edits(request: GenerationRequest) -> EditPlan:
    """Choose edits and strengths by cell, prompt, seed and presence of a reference; equal requests, equal plans."""
    cell = request.cell
    meanings = find_requested_edits(cell.facet, cell.value, cell.class_name, request.prompt)
    draws = RandomDraws(derive_seed(request.seed, "plan"))
    strengths = _vary_strengths(meanings, draws) if meanings else _mix_mild_edits(draws)
    borrowed = 0.0
    if not request.reference_path:  # nothing to borrow from
        own = {edit: strength for edit, strength in strengths.items() if edit not in BORROWING_EDITS}
        strengths = own or _mix_mild_edits(draws)
    elif _COLOUR_MEDIA & strengths.keys():
        borrowed = draws.uniform(0.3, 0.7) if draws.chance(0.5) else 0.0
    elif not meanings or _LIGHT_EDITS & strengths.keys():
        strengths, borrowed = _split_with_reference(strengths, draws)
    steps = tuple(
        EditStep(edit, round(strengths[edit], 3), derive_seed(request.seed, edit))
        for edit in _EDIT_ORDER
        if edit in strengths
    )
    words = tuple(meaning.word for meaning in meanings)
    return EditPlan(steps, recognised=bool(meanings), words=words, borrowed=round(borrowed, 3))


def _vary_strengths(meanings: tuple[EditMatch, ...], draws: RandomDraws) -> dict[str, float]:
    """Vary the strengths of the requested edits, and in most images the viewpoint a little."""
    varied = {meaning.edit: meaning.strength * draws.uniform(0.75, 1.0) for meaning in meanings}
    # A drawing at three quarters would be a photo with lines on it.
    strengths = {**varied, **{meaning.edit: meaning.strength for meaning in meanings if meaning.edit in DRAWN}}
    if draws.chance(0.7):
        strengths.setdefault("viewpoint", draws.uniform(0.15, 0.45))
    return strengths


def _split_with_reference(strengths: dict[str, float], draws: RandomDraws) -> tuple[dict[str, float], float]:
    """Light half of the images mainly by their words, the others mainly by the reference."""
    if draws.chance(0.5):
        return strengths, draws.uniform(0.3, 0.7)
    fainter = draws.uniform(0.2, 0.6)
    weaker = {edit: value * (fainter if edit in _LIGHT_EDITS else 1) for edit, value in strengths.items()}
    return weaker, draws.uniform(0.7, 1)


def _mix_mild_edits(draws: RandomDraws) -> dict[str, float]:
    strengths = {"viewpoint": draws.uniform(0.25, 0.7)}
    strengths[draws.pick(_MILD_LIGHT)] = draws.uniform(0.3, 0.6)
    if draws.chance(0.4):
        strengths["background"] = draws.uniform(0.5, 0.9)
    if draws.chance(0.35):
        strengths[draws.pick(_MILD_CAMERA)] = draws.uniform(0.2, 0.5)
    return strengths
