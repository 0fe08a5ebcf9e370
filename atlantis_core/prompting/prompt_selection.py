"""Select prompts: of the requested class and condition, without repeats, usable for image generation."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from atlantis_core.base.text import clean_text
from atlantis_core.captioning.conditions import find_conditions
from atlantis_core.prompting.subjects import SubjectChecker, readable_name, split_words

FEWEST_WORDS = 3
LONGEST_PROMPT = 300
_NO_CUT = 100_000
"""Characters; prompts are cleaned at full length, so that one that is too long is dropped, not shortened."""
_NOT_PROSE = re.compile(
    r"https?:|www\.|\b[\w-]+\.(?:com|org|net)\b|```|</?[a-z!][^>]*>|[{}\\]|\]\(|[=-]>|==|\w\(\)|^[#\[]|\*\*",
    re.IGNORECASE,
)
_CUT_OFF = re.compile(r"~[0-9a-f]{8}$")
"""The end of a text that `clean_text` has shortened."""
_ARTICLES = frozenset({"a", "an", "the"})


@dataclass(frozen=True, slots=True)
class PromptSelection:
    """The selected prompts.

    Attributes:
        prompts: In the order in which they were written.
        dropped: Reason -> number of dropped prompts: `unusable`, `wrong subject`, `wrong condition`, `repeated`.
            Good prompts beyond the wanted number are not counted.
    """

    prompts: tuple[str, ...]
    dropped: Mapping[str, int]


def select_prompts(
    written: Sequence[str],
    class_name: str,
    subjects: SubjectChecker,
    cell_value: str = "",
    other_values: Sequence[str] = (),
    *,
    wanted: int,
    taken: Collection[str] = (),
) -> PromptSelection:
    """Select the first usable prompts for a cell, at most `wanted`; count the dropped ones by reason.

    A prompt that names one of the `other_values` of the facet, and not the cell's own, is dropped. Prompts `taken`
    before are not selected again, not even with their words reordered.

    Raises:
        ValueError: `wanted` is negative.
    """
    if wanted < 0:
        raise ValueError(f"wanted is {wanted}; it must be 0 or more")
    condition = _TargetCondition(class_name, cell_value, other_values)
    seen = {_content_words(prompt) for prompt in taken}
    chosen: list[str] = []
    dropped: Counter[str] = Counter()
    for prompt in (clean_text(text, _NO_CUT) for text in written):
        reason = _find_fault(prompt, class_name, subjects, condition) or (
            "repeated" if _content_words(prompt) in seen else ""
        )
        if reason:
            dropped[reason] += 1
        else:
            seen.add(_content_words(prompt))
            chosen.append(prompt)
    return PromptSelection(tuple(chosen[:wanted]), dict(dropped))


def count_value_mentions(
    prompts: Sequence[str], facet_values: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, int]]:
    """Count facet -> value -> prompts that name the value, as whole words, ignoring case."""
    return {
        facet: {value: sum(_contains_value(prompt, value) for prompt in prompts) for value in values}
        for facet, values in facet_values.items()
    }


def _find_fault(prompt: str, class_name: str, subjects: SubjectChecker, condition: _TargetCondition) -> str:
    is_text = len(prompt) <= LONGEST_PROMPT and len(split_words(prompt)) >= FEWEST_WORDS
    if not is_text or _NOT_PROSE.search(prompt) or _CUT_OFF.search(prompt):
        return "unusable"
    if not subjects.names(prompt, class_name):
        return "wrong subject"
    return "wrong condition" if condition.is_wrong_in(prompt) else ""


def _content_words(prompt: str) -> frozenset[str]:
    """Return the words of a prompt without order, case, punctuation or articles; equal sets are repeats."""
    return frozenset(split_words(prompt)) - _ARTICLES


class _TargetCondition:
    """A cell's facet value against the facet's other values."""

    def __init__(self, class_name: str, own: str, others: Iterable[str]) -> None:
        self._own = own
        self._others = [other for other in others if own and split_words(other) != split_words(own)]
        # Without the class name: a snowy owl needs no snow, and a night heron may be in daylight.
        self._name = _value_pattern(readable_name(class_name))

    def is_wrong_in(self, prompt: str) -> bool:
        """Return whether a prompt names another value and not the cell's own."""
        rest = self._name.sub(" ", prompt) if self._name else prompt
        return not _names_condition(rest, self._own) and any(_names_condition(rest, other) for other in self._others)


def _names_condition(text: str, value: str) -> bool:
    """Return whether a text names a value, or the same condition by another word (`foggy` for `fog`)."""
    return _contains_value(text, value) or bool(find_conditions(text).items() & find_conditions(value).items())


def _contains_value(text: str, value: str) -> bool:
    pattern = _value_pattern(value)
    return bool(pattern and pattern.search(text))


def _value_pattern(value: str) -> re.Pattern[str] | None:
    """Return a pattern for the value as whole words with any separators; None for a value without words."""
    words = r"[\W_]+".join(re.escape(word) for word in re.findall(r"[^\W_]+", value))
    return re.compile(rf"(?<![^\W_]){words}(?![^\W_])", re.IGNORECASE) if words else None
