"""Check that a prompt names its class and no other."""

from __future__ import annotations

import itertools
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence

_FOLDER_NUMBER = re.compile(r"^\s*\d+\s*[.\-]+\s*(?=\S)")
"""The number in `002.Acura` and `07-Acura`, which is not part of the name."""
_IDEOGRAPHS = "\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[{_IDEOGRAPHS}]|[^\W_{_IDEOGRAPHS}]+")
_POSSESSIVE = re.compile(r"['\u2019]s\b")
_PLURAL = re.compile(r"(?<=[^\W\d_]{3})(?<!s)s$")
_STOP_WORDS = frozenset({"a", "an", "the", "of", "and", "with", "in", "on", "for"})
_MIN_SHARE = 0.4
"""A prompt names its class if it contains at least this share of the name's weight."""
_CLEAR_MARGIN = 0.02
"""Another class is named if its share is higher by more than this."""


def split_words(text: str) -> list[str]:
    """Return a text's words in order: lower case, without accents, plural `s` and possessive `'s`.

    Each Chinese or Japanese character is a word, since these languages have no spaces.
    """
    folded = unicodedata.normalize("NFKD", _POSSESSIVE.sub("", text).casefold())
    plain = "".join(letter for letter in folded if not unicodedata.combining(letter))
    return [_PLURAL.sub("", word) for word in _WORD.findall(plain)]


def readable_name(class_name: str) -> str:
    """Return a class name without folder number, underscores and dashes."""
    return " ".join(re.split(r"[\s_\-]+", _FOLDER_NUMBER.sub("", class_name))).strip()


class SubjectChecker:
    """Checks prompts against the class names of a collection, weighing words by how rare they are.

    A word weighs ln(1 + classes / classes with it). A prompt names its class if it contains the first word of the
    name and enough of the name's weight (or a word that no other class has), and if no other class fits clearly
    better.
    """

    def __init__(self, class_names: Iterable[str]) -> None:
        """Weigh the words of all class names of the collection; folder numbers are ignored."""
        self._words: dict[str, tuple[str, ...]] = {name: _name_words(name) for name in class_names}
        counts = Counter(word for words in self._words.values() for word in words)
        self._weights = {word: math.log(1 + len(self._words) / count) for word, count in counts.items()}
        self._single = {word for word, count in counts.items() if count == 1 and not word.isdigit()}
        self._common = {word for word, count in counts.items() if len(self._words) == count > 1}
        self._naming: dict[str, list[str]] = {}
        for name, words in self._words.items():
            for word in words:
                self._naming.setdefault(word, []).append(name)

    def names(self, prompt: str, class_name: str) -> bool:
        """Return whether a prompt names its class and no other."""
        return not self.find_subject_error(prompt, class_name)

    def find_subject_error(self, prompt: str, class_name: str) -> str:
        """Return why a prompt is not about its class, in a few words; empty if it is.

        A name without a distinctive word (a bare number, words that every class has) accepts every prompt.
        """
        own = self._words.get(class_name) or _name_words(class_name)
        if not self._is_usable(own):
            return ""
        words = split_words(prompt)
        # Each pair of neighbours joined as well, so that `SRT-8` contains `srt8`.
        held = {*words, *(first + second for first, second in itertools.pairwise(words))}
        share = self._share(own, held)
        rival = self._rival(own, held, share) or self._longer(own, words)
        if rival:
            return f"names {readable_name(rival)!r} instead"
        # A word that no other class has is enough: `Corvette Z06` in a name of seven words.
        is_enough = share >= _MIN_SHARE or any(word in held and word in self._single for word in own[1:])
        return "" if is_enough and own[0] in held else f"does not name {readable_name(class_name)!r}"

    def _is_usable(self, words: Collection[str]) -> bool:
        return any(not word.isdigit() and word not in self._common for word in words)

    def _share(self, words: Collection[str], held: Collection[str]) -> float:
        """Return the share of a name's weight that the prompt contains, 0 to 1."""
        weights = {word: self._weights.get(word, math.log(1 + len(self._words))) for word in words}
        total = sum(weights.values())
        return sum(weight for word, weight in weights.items() if word in held) / total if total else 0.0

    def _rival(self, own: Collection[str], held: Collection[str], share: float) -> str:
        """Return the class that fits the words clearly better than the own one; empty if there is none."""
        shares = {name: self._share(self._words[name], held) for name in self._candidates(own, held)}
        best = max(shares, key=lambda name: shares[name], default="")
        return best if best and shares[best] > max(share + _CLEAR_MARGIN, _MIN_SHARE) else ""

    def _longer(self, own: Collection[str], words: Sequence[str]) -> str:
        """Return a class named in full whose name extends the own one, such as orange juice for orange."""
        line = _join_words(word for word in words if word not in _STOP_WORDS)
        candidates = {name for word in own for name in self._naming.get(word, ())}
        longer = (name for name in sorted(candidates) if set(own) < set(self._words[name]))
        return next((name for name in longer if _join_words(self._words[name]) in line), "")

    def _candidates(self, own: Collection[str], held: Collection[str]) -> Iterator[str]:
        """Yield classes that are named by a word that the own class lacks, or in full."""
        for name in {name for word in held for name in self._naming.get(word, ())}:
            words = self._words[name]
            has_own_word = any(word in held and word not in own for word in words)
            if self._is_usable(words) and words[0] in held and (has_own_word or all(word in held for word in words)):
                yield name


def _name_words(class_name: str) -> tuple[str, ...]:
    words = split_words(readable_name(class_name))
    return tuple(dict.fromkeys([word for word in words if word not in _STOP_WORDS] or words))


def _join_words(words: Iterable[str]) -> str:
    return f" {' '.join(words)} "
