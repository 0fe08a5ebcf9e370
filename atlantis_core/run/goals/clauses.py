"""Parts of a goal that name no failing photos: what to leave alone, how much to gain, whether only to diagnose."""

from __future__ import annotations

import re
from dataclasses import dataclass

from atlantis_core.base.amounts import without_corrected
from atlantis_core.base.errors import SetupError
from atlantis_core.base.targets import target_in

_FOUND = r"(?:found|retrieved|returned|recogni[sz]ed|come|comes|appear|appears|show|shows|the\s+right)\b"
_NO_NOUN = (
    r"(?:all|every|any|one|only|enough|many|much|a|even|new|more|less|extra|good|use|better|luck|idea|longer|\d)"
)
"""Words that "no" and "not" go with where nothing is left out: "no good", "not enough"."""
_EXCLUDED = re.compile(
    r"(?:\b(?:but|and|please)\s+)*(?:\b(?:skip(?:ping)?|except(?:\s+for)?|exclud(?:e|ing)|but\s+not|"
    r"(?:everything|all|anything|nothing)\s+but(?:\s+not)?|without(?=\s+(?!any\b|hurt|harm|los))|ignor(?:e|ing)|"
    r"(?:do\s+not|don't|never)\s+(?:touch|change|use|include|target|improve)|apart\s+from|other\s+than|avoid(?:ing)?|"
    r"(?:keep|stay)\s+(?:away|off)(?:\s+from)?|instead\s+of|rather\s+than|leav(?:e|ing)\s+out|"
    rf"leave(?=[^,;.]*\balone\b))|(?:^|(?<=[,;.:]\s)|(?<=\bbut\s)|(?<=\band\s))(?:not|no|nothing)(?!\s+{_NO_NOUN}\b)"
    rf"(?![^,;.()]*\b{_FOUND}))\s+([^,;.()]+?)(?:\s+(?:alone|out|please))*(?=[,;.()]|$)",
    re.IGNORECASE,
)
"""What a person wants left alone: "skip fog", "everything but not tugs", "leave sloops alone"."""
_UNTOUCHED = re.compile(
    r"(?:^|(?<=[,;.])|\b(?:but|and)\s)\s*([^,;.()]+?)\s+(?:(?:should|must|may|shall|can)(?:\s+not|n't|not)\s+(?:be\s+)?"
    r"(?:touched|changed|targeted|included|affected)|(?:should|must|may|can|shall)?\s*(?:stay|remain)s?\s+(?:as\s+(?:it\s+is|they\s+are)|"
    r"untouched|unchanged)|(?:is|are)\s+off\s+limits)\b",
    re.IGNORECASE,
)
"""The same with what is left alone in front: "night photos should not be touched"."""
_THE_REST = re.compile(
    r"\b(?:leave|keep|without\s+(?:hurting|harming|losing))\s+(?:the\s+|all\s+)?(?:rest|others?|everything\s+else)"
    r"(?:\s+of\s+(?:it|them))?(?:\s+(?:alone|as\s+(?:it\s+is|they\s+are)|unharmed|in\s+peace|untouched))?",
    re.IGNORECASE,
)
"""What every run does: a round that other queries pay for is rolled back."""
_POINTS = re.compile(
    r"(?:\bby\s+(?:at\s+least\s+)?|\+\s*|\b)(?<![\d.])(\d{1,4}(?:\.\d+)?)\s*(?:percentage\s+)?(?:points?|pp|pts?)\b"
    r"|(?:\bby\s+(?:at\s+least\s+)?|\+\s*)(\d{1,4}(?:\.\d+)?)\s*(?:%|percent\b)"
    r"|(?<![\d.])(\d{1,4}(?:\.\d+)?)\s*(?:%|percent)\s+(?:better|more\s+recall|higher)\b",
    re.IGNORECASE,
)
"""A gain over the baseline: "+3 points", "3 points better", "by 5 %"."""
_NO_IMAGES = re.compile(
    r"\b(?:no|zero|0)\s+(?:(?:new|more|extra|additional|synthetic|generated|artificial|made)\s+)+"
    r"(?:images?|photos?|pictures?)\b|\b(?:without\s+(?:generating|making)|do(?:n'?t| not)\s+(?:generate|make))\s+"
    r"(?:any\s+)?(?:\w+\s+)?(?:images?|photos?|pictures?)\b|\b(?:no|zero|0|without(?:\s+any)?)\s+(?:images?|pictures?)\s*(?=[,;.]|$)",
    re.IGNORECASE,
)
"""What forbids generated images: "no new images"; "no photos of tugs are found" does not."""
_OTHER_CLASS = r"(?!each\b|one\s+another)[^,;.()]+"
_TAKEN_FOR = re.compile(
    rf"\b(?:(?:mis)?taken\s+for|(?:confused|confounded|mixed\s+up)\s+(?:with|for))\s+{_OTHER_CLASS}"
    rf"|(?<=\b(?:confuses|mistakes)\s)(?P<failing>[^,;.()]+?)\s+(?:with|for)\s+{_OTHER_CLASS}",
    re.IGNORECASE,
)
"""What comes back in place of the failing photos, which are not about it."""
_DIAGNOSE = re.compile(
    r"\b(?:only|just)\s+(?:a\s+)?diagnos\w*|\bdiagnos\w*\s+(?:only|alone)|\bstop\s+after\s+(?:the\s+)?diagnos\w*|"
    r"\b(?:only|just)\s+(?:tell|show)\s+me\b|\bdo(?:n'?t| not)\s+(?:train|generate|change|fix|mend)\s+anything\b|"
    r"\bno\s+(?:training|changes|augmentation)\b",
    re.IGNORECASE,
)
_LOSES = re.compile(
    r"(?:-\s*|\b(?:lose[sd]?|losing|lost|drops?|dropped|falls?|fell|worse|costs?)\s+(?:by\s+)?"
    r"(?:(?:at\s+most|up\s+to|about|more\s+than)\s+)?)$",
    re.IGNORECASE,
)
"""Points that something loses are not to be gained."""
_TEST_SPLIT = re.compile(
    r"\b(?:us(?:e|ing)|tun(?:e|ing)|train(?:ing)?|pick(?:ing)?|select(?:ing)?|choos(?:e|ing)|optimi[sz]\w+)\b[^.;]*?"
    r"\b(?:on\s+|by\s+|with\s+)?(?:the\s+)?(?:sealed\s+)?test[\s-]+(?:set|split|data|images?|photos?|queries|recall|scores?)\b",
    re.IGNORECASE,
)
_NEVER = re.compile(r"\b(?:not|never|n't|no|without|avoid)\b|n't\b", re.IGNORECASE)
_QUESTION = re.compile(
    r"^\s*(?:why|how\s+come|explain|what\s+(?:did|happened|was)|when\s+did)\b"
    r"|^\s*(?:(?:would|can|could|will)(?!\s+you\b)|are|is|does|"
    r"should|"
    r"how\s+(?:much|many|long|well|often)|which|what|who)\b[^?]*\?\s*$",
    re.IGNORECASE,
)

CHOOSES_BY_TEST = (
    "the goal asks to choose by the test split, which stays sealed: whatever is chosen by it looks better "
    "than it is. A run chooses on validation; `atlantis test RUN` measures the result on the test split once"
)
IS_QUESTION = (
    "the goal is a question, and a run changes a retriever: ask it in `atlantis chat`, or read `atlantis "
    "trace RUN`; a goal says what is not found, such as 'night photos are not found', or 'only diagnose' to learn "
    "what fails and whether more images would help"
)
"""Why no run begins with such a goal."""


@dataclass(frozen=True, slots=True)
class Clauses:
    """A goal's words, taken apart."""

    rest: str
    """What may name the failing photos."""
    excluded: str
    """What to leave alone, in words; empty for nothing."""
    gain: float | None
    """Recall@1 to gain over the baseline."""
    is_diagnosis: bool
    """Whether the run ends with what it found out."""
    questions: tuple[str, ...] = ()
    """Questions about earlier runs, which no run answers."""


def split_clauses(text: str) -> Clauses:
    """Take a goal's words apart."""
    questions = tuple(part.strip() for part in re.split(r"[,;.!]", text) if _QUESTION.search(part))
    for question in questions:
        text = text.replace(question, " ")
    text = without_corrected(text)
    said = (one for one in _POINTS.finditer(text) if not _LOSES.search(text[: one.start()]))
    points = next(said, None)
    gain = float(points[1] or points[2] or points[3]) / 100 if points else None
    rest = _THE_REST.sub(" ", _POINTS.sub(" ", text) if points else text)
    rest = _TAKEN_FOR.sub(lambda match: f" {match['failing'] or ''} ", _NO_IMAGES.sub(" ", rest))
    is_diagnosis = _DIAGNOSE.search(rest) is not None
    rest = _DIAGNOSE.sub(" ", rest)
    excluded = [match[1].strip() for pattern in (_UNTOUCHED, _EXCLUDED) for match in pattern.finditer(rest)]
    rest = _EXCLUDED.sub(" ", _UNTOUCHED.sub(" ", rest))
    return Clauses(rest, "; ".join(excluded), gain or None, is_diagnosis, questions)


def forbids_images(text: str) -> bool:
    """Whether a goal says that no image is to be generated."""
    return _NO_IMAGES.search(text) is not None


def chooses_by_test(text: str) -> bool:
    """Whether a goal asks to choose by the sealed test split; to forbid it is not to ask for it."""
    asked = _TEST_SPLIT.search(text)
    return bool(asked and not _NEVER.search(asked[0]) and not _NEVER.search(text[: asked.start()][-20:]))


def check_goal(text: str) -> None:
    """Refuse what no run can do.

    Raises:
        SetupError: The words ask to choose by the sealed test split, to gain more than there is, or are a question
            about a run.
    """
    if chooses_by_test(text):
        raise SetupError(CHOOSES_BY_TEST)
    if _QUESTION.search(text):
        raise SetupError(IS_QUESTION)
    target = target_in(text)
    if target is not None and not 0 < target <= 1:
        raise SetupError(f"a target of {target:g} cannot be reached: Recall@1 is from 0 to 1")
    if (gain := split_clauses(text).gain) and gain >= 1:
        raise SetupError(
            f"a gain of {100 * gain:g} points is more than Recall@1, from 0 to 1, can have: name fewer points"
        )
