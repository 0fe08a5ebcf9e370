"""Which words ask for which edits. Whole words are matched, ignoring case; longer phrases win."""

from __future__ import annotations

import re
from dataclasses import dataclass

from atlantis_core.generation.medium_words import DRAWN, MEDIA, MEDIUM_WORDS, OTHER_FACETS, VALUE_WORDS


@dataclass(frozen=True, slots=True)
class EditMatch:
    """An edit and the word that asks for it."""

    edit: str
    """A name from `edits.EDITS`."""
    strength: float
    """1 is the full effect."""
    word: str


_FULL_STRENGTH_WORDS: dict[str, str] = {
    "background": "background, backdrop, surroundings, other background, different background, new background, "
    "changed background, cut out, cutout",
    "background_blur": "bokeh, shallow depth of field, blurred background, blurry background",
    "background_clutter": "cluttered, clutter, messy, untidy, busy background, crowded, cluttered background",
    "background_plain": "plain, plain background, studio, white background, catalogue, catalog, iconic, isolated, "
    "uniform background, empty background, clean background",
    "blur": "blur, blurred, blurry, out of focus, unfocused, defocus, defocused, unsharp",
    "bright": "bright, overexposed, high key, brightly lit, well lit, harsh light, bright light",
    "clear": "day, daytime, daylight, by day, clear, clear day, sunny, sunshine, noon, midday, normal light",
    "cool": "cool, cold, bluish, blue cast, cool cast, fluorescent, cold light",
    "dark": "dark, underexposed, low light, poorly lit, badly lit, low key, shadow, shadows, shade, shady, gloomy",
    "fog": "fog, foggy, mist, misty, haze, hazy, smog, smoke, smoky",
    "glare": "glare, glaring, lens flare, flare, backlight, backlit, back lit, dazzling, reflection, reflections",
    "high_contrast": "high contrast, contrasty, hard contrast",
    "low_contrast": "low contrast, washed out, faded, flat light, flat contrast",
    "motion": "motion, motion blur, motion blurred, moving, shaken, shaky, camera shake",
    "muted": "muted, desaturated, colourless, colorless, dull, grey, gray, greyscale, grayscale, monochrome, "
    "black and white",
    "night": "night, nighttime, at night, after dark, nocturnal, midnight, moonlight, moonlit",
    "noise": "noise, noisy, grainy, grain, high iso, film grain",
    "occlusion": "occlusion, occluded, hidden, partly hidden, obstructed, behind, covered, truncated",
    "rain": "rain, rainy, raining, drizzle, shower, downpour, wet",
    "sharp": "sharp, crisp, in focus",
    "snow": "snow, snowy, snowing, snowfall, falling snow, blizzard, winter, wintry",
    "storm": "storm, stormy, thunderstorm, tempest, gale, squall",
    "sunset": "sunset, sunrise, golden hour, dawn, low sun, evening sun",
    "viewpoint": "viewpoint, view, angle, angles, perspective, rotated, rotation, tilted, tilt, side view, oblique, "
    "scale, close up, closeup, zoom, zoomed, pose, far away, distant",
    "vivid": "vivid, saturated, colourful, colorful, oversaturated",
    "warm": "warm, yellowish, warm cast, lamplight, incandescent, tungsten, candlelight, candlelit",
}
_MILD_WORDS: dict[str, str] = {
    "clear": "overcast, cloudy",
    "dark": "dim, dimly lit, dusky, indoors at night",
    "night": "dusk, twilight, evening, nightfall",
    "viewpoint": "slightly rotated",
}
_MILD_STRENGTH = 0.6

_MODIFIERS = {
    **dict.fromkeys(("slight", "slightly", "light", "mild", "mildly", "faint", "soft", "somewhat", "bit"), 0.6),
    **dict.fromkeys(("heavy", "heavily", "very", "dense", "thick", "deep", "strong", "strongly", "extremely"), 1.2),
}
_NEGATIONS = {"no", "not", "non", "without", "never", "free", "isn", "neither", "nor", "avoid"}
_SAYS_NOTHING = frozenset(
    re.findall(
        r"\w+",
        "a an the of at in on with and or by from to its it is are as for this that photo photograph image "
        "shot seen shown showing taken",
    )
)
"""Words of a prompt that ask for nothing."""
_YES, _NO = {"yes", "true", "1", "on", "y"}, {"no", "false", "0", "off", "none", "n"}

_EXCLUSIVE_EDITS = (
    ("night", "dark", "bright", "clear", "sunset", "glare"),
    ("fog", "rain", "snow", "storm"),
    ("low_contrast", "high_contrast"),
    ("muted", "vivid"),
    ("warm", "cool"),
    ("blur", "motion", "sharp"),
    ("background", "background_blur", "background_clutter", "background_plain"),
    MEDIA,
    ("borrowed_colours", "borrowed_amplitude"),
)
"""At most one edit of each family is used: the first one requested."""
_LIGHT_AND_WEATHER = frozenset({"night", "dark", "bright", "sunset", "fog", "rain", "snow", "storm"})
"""Edits by whose words people name photos that are not found."""
_SCENE_EDITS = frozenset(
    {"viewpoint", "background", "background_blur", "background_clutter", "background_plain", "occlusion"}
)
"""What a drawing can show as well as a photo can."""


def find_edits(text: str) -> tuple[EditMatch, ...]:
    """Find the edits that a text asks for, in its order, at most one per family.

    Negated words ("no fog", "not dark") are ignored; "slightly", "heavy" and the like change the strength.
    """
    return keep_compatible(_match_phrases(split_words(text), _LEXICON))


def find_requested_edits(facet: str, value: str, class_name: str, prompt: str) -> tuple[EditMatch, ...]:
    """Find the edits that a request asks for, at most one per family: first by its cell's value, then by its prompt.

    The facet's name is used if the value is yes or no, and in phrases ("contrast" + "low"). The class name is removed
    from the prompt first: a "Dark-Chocolate" is not a request for darkness.
    """
    name, words = split_words(class_name), split_words(prompt)
    for start in range(len(words) - len(name), -1, -1):
        if name and words[start : start + len(name)] == name:
            words[start : start + len(name)] = ["|"]
    return keep_compatible([*_match_cell(split_words(facet), split_words(value)), *_match_phrases(words, _LEXICON)])


def find_understood_words(prompt: str, class_name: str) -> tuple[list[str], list[str]]:
    """Return the words of a prompt that ask for edits, and its other words that tell something.

    The words of the class name and those of every prompt ("a photo of") are in neither.
    """
    own = {*split_words(class_name), *_SAYS_NOTHING, *_MODIFIERS}
    words = split_words(prompt)
    understood = {word for match in _match_phrases(words, _LEXICON) for word in match.word.split()} - own
    telling = [word for word in dict.fromkeys(words) if word not in own]
    return [word for word in telling if word in understood], [word for word in telling if word not in understood]


def split_words(text: str) -> list[str]:
    """Split into lower-case words at everything but letters and digits, and at camelCase."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return re.findall(r"[^\W_]+", spaced.lower())


def keep_compatible(meanings: list[EditMatch]) -> tuple[EditMatch, ...]:
    """Keep the first match of each family, and each edit once; with a drawn medium only what it can show."""
    kept: dict[str, EditMatch] = {}
    for meaning in meanings:
        family = next((family[0] for family in _EXCLUSIVE_EDITS if meaning.edit in family), meaning.edit)
        kept.setdefault(family, meaning)
    medium = kept.get(MEDIA[0])
    if medium is None or medium.edit not in DRAWN:
        return tuple(kept.values())
    return tuple(one for one in kept.values() if one is medium or one.edit in _SCENE_EDITS)


def list_rivals(edit: str) -> frozenset[str]:
    """Return the edits that show another light or weather than one edit, or another medium; none for other edits."""
    families = (_LIGHT_AND_WEATHER, frozenset(MEDIA))
    return next((family - {edit} for family in families if edit in family), frozenset())


def name_edit(edit: str) -> str:
    """Return the words by which a prompt asks for an edit at full strength, such as `line drawing`."""
    return {**_FULL_STRENGTH_WORDS, **MEDIUM_WORDS}[edit].split(",")[0]


def _match_cell(facet: list[str], value: list[str]) -> list[EditMatch]:
    if len(value) == 1 and value[0] in _NO:
        return []
    lexicon = _LEXICON if OTHER_FACETS.intersection(facet) else _CELL_LEXICON
    if len(value) == 1 and value[0] in _YES:
        return _match_phrases(facet, lexicon)
    # "low" has a meaning only together with its facet, "contrast".
    in_facet = [*value, *facet]
    return _match_phrases([*value, "|"], lexicon) or _match_phrases(in_facet, lexicon, longest_only=len(value) + 1)


def _match_phrases(words: list[str], lexicon: _Lexicon, longest_only: int = 0) -> list[EditMatch]:
    """Match phrases from left to right, the longest first; `longest_only` accepts only phrases that use the value."""
    found, at = [], 0
    while at < len(words):
        lengths = range(min(_LONGEST, len(words) - at), 0, -1)
        length = next((length for length in lengths if " ".join(words[at : at + length]) in lexicon), 0)
        if not length or (longest_only and (at != 0 or length < min(longest_only, 2))):
            at += 1
            continue
        phrase = " ".join(words[at : at + length])
        edit, strength = lexicon[phrase]
        before = words[max(0, at - 2) : at]
        if not _NEGATIONS.intersection(before) and words[at + length : at + length + 1] != ["free"]:
            factor = _MODIFIERS.get(before[-1], 1.0) if before and edit not in DRAWN else 1.0
            found.append(EditMatch(edit, min(1.0, round(strength * factor, 3)), phrase))
        at += length
    return found


_Lexicon = dict[str, tuple[str, float]]
"""Phrase -> edit and strength."""


def _read_table(table: dict[str, str], strength: float) -> _Lexicon:
    return {phrase.strip(): (edit, strength) for edit, phrases in table.items() for phrase in phrases.split(",")}


def _add_plurals(lexicon: _Lexicon) -> _Lexicon:
    """Add "sketches" to "sketch"."""
    return {_plural(phrase): found for phrase, found in lexicon.items()} | lexicon


def _plural(phrase: str) -> str:
    return phrase + ("es" if phrase.endswith(("s", "x", "ch", "sh")) else "s")


_LEXICON: _Lexicon = {
    **_add_plurals(_read_table(MEDIUM_WORDS, 1.0)),
    **_read_table(_MILD_WORDS, _MILD_STRENGTH),
    **_read_table(_FULL_STRENGTH_WORDS, 1.0),
}
_CELL_LEXICON: _Lexicon = {**_add_plurals(_read_table(VALUE_WORDS, 1.0)), **_LEXICON}
_LONGEST = max(len(phrase.split()) for phrase in _CELL_LEXICON)
