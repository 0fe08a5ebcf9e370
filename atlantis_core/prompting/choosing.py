"""Choosing prompts: of the right class, of the right condition, each once, fit to be painted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from atlantis_core.base.text import clean
from atlantis_core.captioning.conditions import conditions_in
from atlantis_core.prompting.subjects import Subjects, spoken, words_in

FEWEST_WORDS = 3
LONGEST_PROMPT = 300
"""Characters."""
_FAR = 100_000
_NOT_PROSE = re.compile(
    r"https?:|www\.|\b[\w-]+\.(?:com|org|net)\b|```|</?[a-z!][^>]*>|[{}\\]|\]\(|[=-]>|==|\w\(\)|^[#\[]|\*\*",
    re.IGNORECASE,
)
_CUT = re.compile(r"~[0-9a-f]{8}$")
"""What `clean` ends a text with that was too long."""
_ARTICLES = frozenset({"a", "an", "the"})


@dataclass(frozen=True, slots=True)
class Chosen:
    """The prompts that may be used.

    Attributes:
        prompts: In the order in which they were written.
        dropped: How many were dropped, by reason: `unusable`, `wrong subject`, `wrong condition`, `repeated`.
            A reason that nothing was dropped for is left out. Good prompts beyond those wanted are not counted.
    """

    prompts: tuple[str, ...]
    dropped: Mapping[str, int]


def choose_prompts(
    written: Sequence[str],
    class_name: str,
    subjects: Subjects,
    cell_value: str = "",
    other_values: Sequence[str] = (),
    *,
    wanted: int,
    taken: Collection[str] = (),
) -> Chosen:
    """Choose the first usable prompts for a cell; say how many fell and why.

    Args:
        written: What a chat model wrote, best first.
        class_name: The class that the prompts are for.
        subjects: The collection's class names.
        cell_value: The facet value of the cell, such as `night`; empty where the cell has no facet.
        other_values: The facet's other values. A prompt that names one of them and not the cell's own is dropped.
        wanted: Most prompts to return.
        taken: Prompts that were chosen before; they are not chosen again, in whatever order their words come.

    Raises:
        ValueError: `wanted` is negative.
    """
    if wanted < 0:
        raise ValueError(f"wanted is {wanted}; ask for 0 prompts or more")
    condition = _Condition(class_name, cell_value, other_values)
    seen = {_gist(prompt) for prompt in taken}
    chosen: list[str] = []
    dropped: Counter[str] = Counter()
    for prompt in (clean(text, _FAR) for text in written):
        reason = _fault(prompt, class_name, subjects, condition) or ("repeated" if _gist(prompt) in seen else "")
        if reason:
            dropped[reason] += 1
        else:
            seen.add(_gist(prompt))
            chosen.append(prompt)
    return Chosen(tuple(chosen[:wanted]), dict(dropped))


def facet_coverage(prompts: Sequence[str], facet_values: Mapping[str, Sequence[str]]) -> dict[str, dict[str, int]]:
    """Count how many prompts name each value of each facet, as whole words in upper or lower case.

    Args:
        prompts: Any texts.
        facet_values: Facet -> its values.

    Returns:
        Facet -> value -> number of prompts; 0 where no prompt names it.
    """
    return {
        facet: {value: sum(_says(prompt, value) for prompt in prompts) for value in values}
        for facet, values in facet_values.items()
    }


def _fault(prompt: str, class_name: str, subjects: Subjects, condition: _Condition) -> str:
    if not _is_usable(prompt):
        return "unusable"
    if not subjects.names(prompt, class_name):
        return "wrong subject"
    return "wrong condition" if condition.is_wrong_in(prompt) else ""


def _is_usable(prompt: str) -> bool:
    is_text = len(prompt) <= LONGEST_PROMPT and len(words_in(prompt)) >= FEWEST_WORDS
    return is_text and not _NOT_PROSE.search(prompt) and not _CUT.search(prompt)


def _gist(prompt: str) -> frozenset[str]:
    """Return the words that make a prompt what it is: without order, case, punctuation or articles."""
    return frozenset(words_in(prompt)) - _ARTICLES


class _Condition:
    """A cell's facet value against the facet's other values."""

    def __init__(self, class_name: str, own: str, others: Iterable[str]) -> None:
        self._own = own
        self._others = [other for other in others if own and words_in(other) != words_in(own)]
        # A snowy owl is no snow, and a night heron may stand in daylight.
        self._name = _pattern(spoken(class_name))

    def is_wrong_in(self, prompt: str) -> bool:
        """Return whether a prompt names another value and not the own."""
        said = self._name.sub(" ", prompt) if self._name else prompt
        return not _means(said, self._own) and any(_means(said, other) for other in self._others)


def _means(text: str, value: str) -> bool:
    """Return whether a text names a value, or the same condition in another word (`foggy` for `fog`)."""
    return _says(text, value) or bool(conditions_in(text).items() & conditions_in(value).items())


def _says(text: str, value: str) -> bool:
    pattern = _pattern(value)
    return bool(pattern and pattern.search(text))


def _pattern(value: str) -> re.Pattern[str] | None:
    """Return what finds a value as whole words, however they are joined; nothing finds a value without words."""
    words = r"[\W_]+".join(re.escape(word) for word in re.findall(r"[^\W_]+", value))
    return re.compile(rf"(?<![^\W_]){words}(?![^\W_])", re.IGNORECASE) if words else None
