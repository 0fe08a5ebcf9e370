"""Reading a goal without a chat model: the classes, facet values, target and budget that its words name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from atlantis_core.base.amounts import target_in, without_limits
from atlantis_core.base.errors import SetupError
from atlantis_core.data.facets import facet_value_lists
from atlantis_core.generation.edit_words import find_edits, find_requested_edits
from atlantis_core.generation.medium_words import MEDIA
from atlantis_core.records import Cell, Collection, Goal
from atlantis_core.records.natural_order import natural_key

_SAYS_NOTHING = frozenset(
    re.findall(
        r"\w+",
        "all and any are but can dollar find for found from have has image improve mend more need not one our photo "
        "picture round should some that the their them these they this usd want with you your",
    )
)
"""Words of a goal that never name a class."""
_ATTACK = re.compile(
    r"\b(adversarial(ly)?|attacked|(under|against|to|by|withstands?|resists?)\s+(an?\s+|the\s+)?attacks?|pgd|fgsm)\b",
    re.IGNORECASE,
)
_FEW = re.compile(
    r"\b(few|fewest|fewer|hardly any|(only|just) (one|two|three)|(one|two|three) or (two|three|four)|a handful of)\s+"
    r"(\w+\s+){0,2}(photo|image|picture|example|shot)s?\b(?!\s+(of\s+\w+\s+)?(are|is|get)\s+(ever\s+)?found)"
    r"|\b(rare|rarest|scarce|under-?represented|long[ -]?tail(ed)?|(im|un)balanced)\b",
    re.IGNORECASE,
)
"""How people write that classes have few training photos."""
_FEW_SHARE = 0.5
"""A class has few training photos if it has fewer than this share of the mean number."""
_EPSILON = re.compile(
    r"\beps(?:ilon)?\s*(?:=|of|is|:)?\s*(\d+(?:\.\d+)?)|\b(\d+(?:\.\d+)?)\s*/\s*255\b", re.IGNORECASE
)
"""How people write the strength: `epsilon 2`, `eps=2`, `2/255`."""
_MAX_SHARE = 0.5
"""A word that is part of more than this share of the class names says nothing about a class."""


def read_goal(text: str, collection: Collection) -> Goal:
    """Read what a goal's words name: cells of the collection and a target.

    Classes are named by a whole word of their name (`trawler` or `trawlers` names every trawler), facet values
    by the value or, if it is a medium, by another word for it. A goal that names neither is about every query. A
    value that training images show and no query does names the classes that are trained on nothing else: of
    "products known by their catalogue image alone" other photos are asked for. "Products with few photos" names the
    classes with fewer than half the mean number of training photos.

    Raises:
        SetupError: The goal is empty.
    """
    if not text.strip():
        raise SetupError("the goal is empty; say what should be found, e.g. --goal 'night photos are not found'")
    classes = _find_classes(_telling_words(text), collection.classes)
    values = _find_values(text, collection)
    if trained := _find_classes_trained_on(values, collection):
        classes, values = _keep_named(trained, classes), []
    elif not values and (few := _find_classes_with_few_photos(text, collection)):
        classes = _keep_named(few, classes)
    cells = tuple(Cell(name, facet, value) for name in classes or [""] for facet, value in values or [("", "")])
    return Goal(text.strip(), () if cells == (Cell(""),) else cells, target_in(text))


def read_attack(text: str) -> str:
    """Return the attack that a goal is about (`pgd:epsilon=2`, see `learning.attacks`); empty if it is about none.

    `attacked`, `adversarial` and the like, and the methods' names, say so; `epsilon 4`, `eps=4` or `4/255` the
    strength, 2 where nothing does.

    Raises:
        SetupError: The strength is not from 0 to 255.
    """
    from atlantis_core.learning.attacks import Attack, format_attack

    named = _ATTACK.search(text)
    if not named:
        return ""
    strength = _EPSILON.search(text)
    epsilon = float(next(filter(None, strength.groups()))) if strength else Attack().epsilon
    return format_attack(Attack("fgsm" if re.search(r"\bfgsm\b", text, re.IGNORECASE) else "pgd", epsilon))


def _find_values(text: str, collection: Collection) -> list[tuple[str, str]]:
    """Return the facet values that a goal's words name."""
    words = _telling_words(text)
    pairs = [(facet, value) for facet, found in facet_value_lists(collection).items() for value in found]
    return [pair for pair in pairs if _words(pair[1]) and _words(pair[1]) <= words] or _find_media(text, pairs)


def _find_classes_trained_on(values: Sequence[tuple[str, str]], collection: Collection) -> list[str]:
    """Return the classes whose training images all show one of these values, if no validation image shows one."""
    shown = {pair for image in collection.of_split("validation") for pair in image.facets.items()}
    if not values or shown.intersection(values):
        return []
    train = collection.of_split("train")
    others = {image.label for image in train if not image.facets.items() & set(values)}
    return sorted({image.label for image in train} - others, key=natural_key) if others else []


def _keep_named(found: list[str], named: Sequence[str]) -> list[str]:
    """Return those of the found classes that are named; all if none of them is."""
    return [name for name in found if name in named] or found


def _find_classes_with_few_photos(text: str, collection: Collection) -> list[str]:
    """Return the queried classes with few training photos, if the words ask for these and there are some."""
    said = _FEW.search(text)
    if not said or any(_words(said[0]) & _words(name) for name in collection.classes):
        return []
    counts = Counter(image.label for image in collection.of_split("train"))
    limit = _FEW_SHARE * counts.total() / max(1, len(counts))
    asked = {image.label for image in collection.of_split("validation")}
    return sorted((name for name, count in counts.items() if count < limit and name in asked), key=natural_key)


def _find_media(text: str, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the facet values of the medium that a goal names in other words: "drawings" are `style=sketch`."""
    named = {match.edit for match in find_edits(text)}.intersection(MEDIA)
    return [pair for pair in pairs if named.intersection(one.edit for one in find_requested_edits(*pair, "", ""))]


def describe_goal(goal: Goal, collection: Collection) -> str:
    """Say what a goal was understood to name in a collection, so that nobody has to guess."""
    if not goal.cells:
        known = "; ".join(
            f"{facet}: {', '.join(values[:6])}" for facet, values in facet_value_lists(collection).items()
        )
        hint = f"it could name {known}" if known else "facets will come from captions"
        return f"the goal names no class and no facet value, so every query counts ({hint})"
    values = sorted({f"{cell.facet}={cell.value}" for cell in goal.cells if cell.facet})
    classes = sorted({cell.class_name for cell in goal.cells if cell.class_name})
    many = f"{len(classes)} classes ({', '.join(classes[:3])}{', ...' if len(classes) > 3 else ''})"
    named = [", ".join(values)] if values else []
    named += [many if len(classes) > 1 else f"class {classes[0]}"] if classes else []
    why = _explain_classes(goal, collection) if classes and not values else ""
    return f"the goal names {' in '.join(named)}{why}"


def _explain_classes(goal: Goal, collection: Collection) -> str:
    """Say why a goal's classes were chosen, where it does not name them."""
    if alone := _find_values(goal.text, collection):
        return f", trained on {', '.join(f'{facet}={value}' for facet, value in alone)} alone"
    few = set(_find_classes_with_few_photos(goal.text, collection))
    return ", with few training photos" if few and {cell.class_name for cell in goal.cells} <= few else ""


def _find_classes(words: set[str], classes: Iterable[str]) -> list[str]:
    words_of = {name: _words(name) for name in classes}
    counts = {word: sum(word in found for found in words_of.values()) for word in words}
    telling = {word for word, count in counts.items() if 0 < count <= _MAX_SHARE * len(words_of)}
    most = max((len(telling & found) for found in words_of.values()), default=0)
    return [name for name, found in words_of.items() if most and len(telling & found) == most]


def _telling_words(text: str) -> set[str]:
    """Return the words of a goal that may name a class or a facet value."""
    return _words(without_limits(text)) - _SAYS_NOTHING


def _words(text: str) -> set[str]:
    """Lower-case words of three letters and more, plurals as singulars."""
    return {_singular(word) for word in re.findall(r"[^\W\d_]{3,}", text.lower())}


def _singular(word: str) -> str:
    """Return "sketch" for "sketches", "tug" for "tugs"."""
    return re.sub(r"(?<=s[hs])es$|(?<=ch)es$|(?<=[xz])es$|(?<=[a-z]{2}[a-rt-z])s$", "", word)
