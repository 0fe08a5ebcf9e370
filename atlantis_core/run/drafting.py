"""What a drafter of augmentation protocols may know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from atlantis_core.base.errors import BudgetExceeded, ToolError
from atlantis_core.data.facets import facet_value_lists
from atlantis_core.records import Cell, Collection, Constraints, Gap, GenerationMode, Response
from atlantis_core.records.generation import GENERATE
from atlantis_core.run.capabilities import describe_generator
from atlantis_core.run.constraints import read_constraints
from atlantis_core.run.insight import Insight
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.memory import Memory
from atlantis_core.run.responses import Wish, read_earlier_words, read_responses, read_wish
from atlantis_core.run.round import JudgedRound, read_judged_rounds, read_round

if TYPE_CHECKING:
    from atlantis_core.run.session import Session

DEFAULT_IMAGES = 200
"""Images a round generates if the budget names no number."""

EDITS_PER_PHOTO = 2
"""Edits of real photos cost milliseconds: without a number in the budget a round edits each training photo twice."""

MOST_EDITS = 4000
"""At most this many edits a round without a number: some three minutes on two cores."""

USUAL_NUMBER = (
    f"{EDITS_PER_PHOTO} edits of each training photo per round, at most {MOST_EDITS:,} (another generator: "
    f"{DEFAULT_IMAGES} per round)"
)
"""The same in words."""


@dataclass(frozen=True, slots=True)
class Brief:
    """What a drafter knows when it writes a protocol."""

    round: int
    gaps: tuple[Gap, ...]
    """Worst first."""
    history: tuple[JudgedRound, ...]
    """Earlier rounds."""
    num_images: int
    """How many images this round may make."""
    classes: tuple[str, ...]
    facet_values: dict[str, tuple[str, ...]]
    spread: str
    """Name in `run.allocation.ALLOCATIONS`."""
    modes: tuple[GenerationMode, ...]
    """Generation modes of the generator, its default first."""
    scorer: str
    """Outlier scorer that the run names."""
    feedback: str
    """What the planner wants different, in words; may be empty."""
    goal: str = ""
    """A person's words."""
    named: tuple[Cell, ...] = ()
    """Cells that these words name; an empty field means any."""
    constraints: Constraints = field(default_factory=Constraints)
    """What a person asked for while it ran; `skip` is left out of the gaps, classes and values already."""
    insight: Insight | None = None
    """What the insight agent made of the collection, where there is one."""
    refuted: frozenset[Cell] = frozenset()
    """Cells for which images were refuted in earlier runs on the same collection."""
    stopped: frozenset[Cell] = frozenset()
    """Cells of this round whose first images were looked at and did not show what was asked for."""
    support: Mapping[Cell, int] = field(default_factory=dict)
    """Training images of each class, and of each class x facet value, that has any."""
    generator: str = ""
    """What the generator can show and what it cannot, in words."""
    responses: tuple[Response, ...] = ()
    """What a person said to the earlier drafts of this round, oldest first."""
    earlier: tuple[str, ...] = ()
    """Their words to drafts of earlier rounds."""
    wish: Wish = field(default_factory=Wish)
    """What the rules read in these words and responses."""
    is_understood: bool = True
    """Whether the rules can act on the newest of them."""


def build_brief(session: Session, round_index: int, max_images: int, feedback: str) -> Brief:
    """Collect what a drafter may know; `max_images`, if positive, limits the round's share of the budget.

    Raises:
        ToolError: The gaps of this round are not known yet.
        BudgetExceeded: Not one image is left to make.
    """
    found = read_round(session, round_index)
    if found.gaps is None:
        raise ToolError("gaps are not known in this round; find them first")
    share = images_for_round(session, round_index)
    num_images = min(share, max_images) if max_images > 0 else share
    if num_images < 1:
        raise BudgetExceeded(f"no image left to make in round {round_index}")
    constraints, responses = read_constraints(session), read_responses(session, round_index)
    earlier, collection = read_earlier_words(session, round_index), session.collection
    wish = read_wish(responses, collection, earlier)
    skipped = [cell for cell in constraints.skip if not (cell.class_name and cell.facet)]
    skipped_classes = {cell.class_name for cell in skipped if not cell.facet}
    return Brief(
        round=round_index,
        gaps=tuple(gap for gap in found.gaps if constraints.allows(gap.cell)),
        history=tuple(read_judged_rounds(session)),
        num_images=num_images,
        classes=tuple(sorted({image.label for image in session.collection.of_split("train")} - skipped_classes)),
        facet_values={
            facet: tuple(value for value in values if Cell("", facet, value) not in skipped)
            for facet, values in facet_value_lists(session.collection).items()
        },
        spread=session.spec.spread,
        modes=session.generator.modes,
        scorer=session.spec.scorer,
        feedback=feedback,
        goal=session.goal.text,
        named=session.goal.cells,
        constraints=constraints,
        insight=found.insight,
        refuted=Memory(session).list_refuted_cells(GENERATE),
        stopped=frozenset(tile.cell for look in found.looks if look.has_stopped for tile in look.sheet.tiles),
        support=_count_support(session.collection),
        generator=describe_generator(session.spec.generator),
        responses=responses,
        earlier=tuple(one.words for one in earlier),
        wish=wish,
        is_understood=not read_wish(responses[-1:], collection).is_empty
        or wish != read_wish(responses[:-1], collection, earlier),
    )


def write_objective(cells: Iterable[Cell]) -> str:
    """Return what images for these cells should show, where neither a model nor a person says it."""
    shown = sorted({f"{cell.facet}: {cell.value}" for cell in cells if cell.facet})
    return "photos of the named classes" + (f" with {', '.join(shown[:6])}" if shown else ", varied")


def _count_support(collection: Collection) -> Counter[Cell]:
    train = collection.of_split("train")
    by_value = (Cell(image.label, *pair) for image in train for pair in image.facets.items())
    return Counter([*by_value, *(Cell(image.label) for image in train)])


def images_for_round(session: Session, round_index: int) -> int:
    """Return how many images a round may still make: its even share, or the usual number without a limit.

    Its share is of what was left when it began; what its protocol made since counts against it.
    """
    left = session.images_left
    candidates = session.read(round_index, JournalKind.CANDIDATES)
    made = len(candidates) if candidates else 0
    if left is None:
        return max(0, _usual_number(session) - made)
    rounds_left = max(1, session.spec.budget.rounds - round_index + 1)
    share = max(1, int((left + made) // rounds_left)) - made
    return min(int(left), max(0, share))


def _usual_number(session: Session) -> int:
    if session.generator.modes[0] != "edit":
        return DEFAULT_IMAGES
    photos = len(session.collection.of_split("train"))
    return max(DEFAULT_IMAGES, min(MOST_EDITS, EDITS_PER_PHOTO * photos))
