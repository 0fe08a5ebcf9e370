"""Words of a goal: which of them may name something in a collection."""

from __future__ import annotations

import re

from atlantis_core.base.amounts import without_limits

PHOTO = r"(?:photo|photograph|image|picture|shot|view|scan)"
"""How people call what a collection holds, as a pattern."""

SAYS_NOTHING = frozenset(
    re.findall(
        r"\w+",
        "all and any are but can dollar find for found from have has image improve mend more need not one our photo "
        "picture round should some that the their them these they this usd want with you your",
    )
)
"""Words of a goal that never name a class."""

GENERAL = frozenset(
    re.findall(
        r"\w+",
        "able about above after again against alone also always another answer any app appear around ask available "
        "back bad because been before being best better between beyond both case category class collection come "
        "confused correct currently customer data different does done each easily engine enough error especially "
        "even ever every example fail failure few fewer fix fixed gain gallery get getting give goal good hard "
        "hardly help high higher how improve improved improvement index instead into issue item just keep kind "
        "kinds know known label last least less like look looks lot low main mainly make many match may mean minor "
        "miss missed missing mistaken most much name near new next nothing now nowhere object often once only other "
        "out over own pair part people per photograph please point poor poorly problem product query quickly quite "
        "raise rank rarely rather reach really recall recognise recognised recognize recognized result retrieval "
        "retrieve retrieved return returned right same scan search searched searching see seem seen set shot should "
        "show shown similar since small something sort state stay still such system take tell than then thing "
        "through too top towards training try type under until use user using very view want was way well were what "
        "when where whether which while who why will within without work working worse worst worth would wrong "
        "wrongly year yet",
    )
)
"""Words that any goal may contain; they name nothing in a collection."""


def telling_words(text: str) -> set[str]:
    """Return the words of a goal that may name a class or a facet value."""
    return words_of(without_limits(text)) - SAYS_NOTHING


def words_of(text: str) -> set[str]:
    """Return lower-case words of three letters and more, plurals as singulars."""
    return set(spell_words(text))


def spell_words(text: str) -> dict[str, str]:
    """Return each of the words of `words_of` as it is first written, in their order."""
    spelled: dict[str, str] = {}
    for written in re.findall(r"[^\W\d_]{3,}", text):
        spelled.setdefault(singular(written.lower()), written)
    return spelled


def singular(word: str) -> str:
    """Return "sketch" for "sketches", "tug" for "tugs"."""
    return re.sub(r"(?<=s[hs])es$|(?<=ch)es$|(?<=[xz])es$|(?<=[a-z]{2}[a-rt-z])s$", "", word)
