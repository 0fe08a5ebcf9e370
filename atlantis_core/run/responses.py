"""What a person said to the protocols of a round that they did not approve: the next draft follows it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from atlantis_core.base.amounts import amounts_in, without_corrected
from atlantis_core.base.plural import count_noun
from atlantis_core.records import Cell, Collection, Protocol, Response
from atlantis_core.run.constraints import parse_cells
from atlantis_core.run.goals.clauses import split_clauses
from atlantis_core.run.journal import JournalKind

if TYPE_CHECKING:
    from atlantis_core.run.session import Session

MANY_REJECTIONS = 3
"""After so many rejections in a row a person is asked whether to end the run."""

LONGEST_WORDS = 1000
"""Characters of a response that are kept."""

_NOT = re.compile(
    r"\b(?:without|no|not|never|drop|avoid|instead\s+of|rather\s+than|fewer|less)\s+(?!\d)", re.IGNORECASE
)
"""How people leave something out of a protocol, besides the ways of a goal (`run.goals.clauses`)."""
_ONLY = re.compile(
    r"\b(?:only|just|nothing\s+but|focus\s+on|more\s+of|take|use|instead|rather|cells?\s+of|images\s+(?:for|of))\b",
    re.IGNORECASE,
)
"""How people ask for the cells that they name; "the trawlers look fine" does not."""
_THAT = r"(?:that|it|this|my\s+(?:last\s+)?(?:words?|wish|message|answer|response|line)|what\s+I\s+(?:just\s+)?said)"
_ALL = r"(?:all\s+(?:of\s+)?(?:that|it|this|what\s+I\s+said|I\s+said)|everything(?:\s+I\s+said)?|all\s+my\s+wishes)"
_TAKEN_BACK = re.compile(
    rf"\b(?:take\s+(?:that|it|this)\s+back|take\s+back\s+(?:that|it|this|what\s+I\s+(?:just\s+)?said)|"
    rf"(?:forget|undo|scratch|disregard|ignore|cancel)\s+{_THAT}\b(?!\s+\w+ing)"
    r"|never\s*mind|I(?:\s+have|'ve)?\s+changed\s+my\s+mind)"
    r"|^\W*(?:undo|cancel)\W*$",
    re.IGNORECASE,
)
"""How people undo the response before, and how all of them."""
_ALL_TAKEN_BACK = re.compile(
    rf"\b(?:take\s+{_ALL}\s+back|take\s+back\s+{_ALL}|start\s+over"
    rf"|(?:forget|undo|scratch|disregard|ignore|cancel)\s+{_ALL})",
    re.IGNORECASE,
)
_AGAIN = re.compile(
    r"\bagain\b|\bafter\s+all\b|\bback\b|\btoo\b|\b(?<!not\s)(?<!n't\s)(?:include|allow)\b|\bas\s+well\b",
    re.IGNORECASE,
)
"""How people ask for cells that they left out before."""
_NUMBER_ALONE = re.compile(
    r"\W*(?:(?:only|just|with|at\s+most|up\s+to|make\s+it|make|take|no\s+more\s+than)\s+)?\d{1,6}(?:\s+please)?\W*",
    re.IGNORECASE,
)
_NOT_A_LIMIT = re.compile(r"-\s*\d|\b(?:more\s+than|at\s+least|over)\s+\d", re.IGNORECASE)
_TOO_MANY = re.compile(r"\bfewer\b|\bless\b(?!\s+\w+ing)|\btoo\s+many\b|\bhalf\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the rules read in a person's responses. All else in their words is for a chat model."""

    only: tuple[Cell, ...] = ()
    """Cells to draft for; empty where none were named."""
    skip: tuple[Cell, ...] = ()
    images: int | None = None
    """At most so many."""

    @property
    def is_empty(self) -> bool:
        """Whether the words said nothing that the rules can act on."""
        return self == Wish()


def read_responses(session: Session, round_index: int) -> tuple[Response, ...]:
    """Return what a person said to the drafts of a round, oldest first."""
    return session.read(round_index, JournalKind.RESPONSES) or ()


def add_response(
    session: Session, round_index: int, protocol: Protocol, decision: Literal["reject", "respond"], words: str
) -> None:
    """Keep what a person said to a draft; once, if the step that keeps it is run again after a kill."""
    known, new = read_responses(session, round_index), Response(decision, protocol, words[:LONGEST_WORDS])
    if known[-1:] != (new,):
        session.write(round_index, JournalKind.RESPONSES, (*known, new))


def count_rejections(responses: Sequence[Response]) -> int:
    """Return how many of the newest responses are rejections."""
    newest = [response.decision == "reject" for response in reversed(responses)]
    return newest.index(False) if False in newest else len(newest)


def is_rejected(responses: Sequence[Response], protocol: Protocol) -> bool:
    """Whether a person rejected a protocol with these images by this remedy; other prompts do not change that."""
    return any(one.decision == "reject" and _what(one.protocol) == _what(protocol) for one in responses)


def is_rejected_draft(responses: Sequence[Response], draft: Protocol) -> bool:
    """Whether a person rejected these images by any remedy: a draft has none yet, pilots choose it later."""
    return any(one.decision == "reject" and _what(one.protocol)[:2] == _what(draft)[:2] for one in responses)


def list_rejected_cells(responses: Sequence[Response]) -> set[Cell]:
    """Return the cells of the rejected protocols."""
    rejected = (one.protocol for one in responses if one.decision == "reject")
    return {request.cell for protocol in rejected for request in protocol.cells}


def read_earlier_words(session: Session, round_index: int) -> tuple[Response, ...]:
    """Return what a person answered in words to drafts of earlier rounds, oldest first: it holds for later ones."""
    earlier = (one for index in range(1, round_index) for one in read_responses(session, index))
    return tuple(one for one in earlier if one.decision == "respond")


def read_wish(responses: Sequence[Response], collection: Collection, earlier: Sequence[Response] = ()) -> Wish:
    """Read the cells and the number of images that a person's responses name, by rules.

    The newest words that name cells, and those that name a number, win; what is to be left out adds up, until it is
    asked for again. "Take that back" undoes the response before. Of the words of `earlier` rounds the cells hold, the
    numbers do not.
    """
    wishes = [Wish()]
    for place, response in enumerate((*earlier, *responses)):
        if place == len(earlier):
            wishes = [replace(wish, images=None) for wish in wishes]
        words = _ALL_TAKEN_BACK.sub(" ", response.words)
        if words != response.words:
            wishes = [Wish()]
        elif (words := _TAKEN_BACK.sub(" ", response.words)) != response.words:
            wishes = wishes[:-1] or [Wish()]
        if words == response.words or re.search(r"\w", words):  # else there is nothing new that could be undone next
            wishes.append(_add_words(wishes[-1], replace(response, words=words), collection))
    return wishes[-1] if responses else replace(wishes[-1], images=None)


def _add_words(wish: Wish, response: Response, collection: Collection) -> Wish:
    """Return a wish with what a response adds to it, and without what it asks for again."""
    parts = split_clauses(_NOT.sub("skip ", response.words))
    left_out, named = (parse_cells(text, collection) for text in (parts.excluded, parts.rest))
    back = named if _AGAIN.search(response.words) else ()
    only = tuple(cell for cell in named if cell not in left_out) if _ONLY.search(response.words) else ()
    skip = tuple(cell for cell in dict.fromkeys((*wish.skip, *left_out)) if cell not in back)
    return Wish(only or wish.only, skip, _read_images(response) or wish.images)


def _read_images(response: Response) -> int | None:
    """Return the number of images in the words, half of those drafted for "fewer"; None without one.

    Nothing is spent on it: the next protocol shows the number and needs an approval of its own.
    """
    units = {"images", ""} if _NUMBER_ALONE.fullmatch(response.words) else {"images"}
    named = [
        value for unit, value in amounts_in(without_corrected(response.words)) if unit in units and value.is_integer()
    ]
    if named and named[0] >= 1 and not _NOT_A_LIMIT.search(response.words):
        return int(named[0])
    return max(1, response.protocol.num_images // 2) if _TOO_MANY.search(response.words) else None


def describe_drafted(protocol: Protocol) -> str:
    """Return what a protocol asks for: `24 images for 3 cells by edit, remedy generate`."""
    images, cells = count_noun(protocol.num_images, "image"), count_noun(len(protocol.cells), "cell")
    return f"{images} for {cells} by {protocol.arm}, remedy {protocol.remedy}"


def _what(protocol: Protocol) -> Any:
    return (
        sorted((str(one.cell), one.count) for one in protocol.cells),
        protocol.arm,
        protocol.remedy,
        protocol.reused,
    )
