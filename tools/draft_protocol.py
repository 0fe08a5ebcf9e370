"""Tool: draft what to make in this round (the paper's APS)."""

from __future__ import annotations

from dataclasses import replace

from langchain_core.tools import tool
from pydantic import BaseModel, ConfigDict, Field

from atlantis_core.base.errors import ToolError
from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import clean_text, cut_sentence
from atlantis_core.records import Cell, CellRequest
from atlantis_core.records.generation import GENERATE
from atlantis_core.run.approval import hash_protocol
from atlantis_core.run.capabilities import explain_draft, narrow_to_showable
from atlantis_core.run.constraints import check_constraints, read_constraints
from atlantis_core.run.drafting import build_brief
from atlantis_core.run.explicit_draft import build_protocol, change_draft, share_over_goal
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.judging import count_tries
from atlantis_core.run.pilots import list_tries
from atlantis_core.run.protocol_rules import check_protocol
from atlantis_core.run.round import drop_candidate_arm
from atlantis_dml.tools.context import Runtime, answer_call
from atlantis_dml.tools.steps import Step

LONGEST_REASON = 600
_MOST_OFFERS = 16

_LATER = ("write_prompts", "pilot_remedies", "generate_images", "score_outliers", "train_retriever:candidate")
"""Steps that a new draft makes undone."""

REDRAFTED = ("draft_protocol", *_LATER)
"""Steps that are done again after a person did not approve."""

STEPS = (Step(70, "draft_protocol", "Spend this round's images on the worst gaps."),)
WORDS = "pick picked choose chose chosen select selected target targeted draft drafted protocol"


class CellShare(BaseModel):
    """A cell and the number of images that it gets."""

    model_config = ConfigDict(extra="forbid")

    class_name: str
    images: int = Field(ge=1, le=10_000)
    facet: str = ""
    value: str = ""


@tool
def draft_protocol(
    runtime: Runtime,
    max_images: int = 0,
    feedback: str = "",
    cells: list[CellShare] | None = None,
    weight: float = 0.0,
    scorer: str = "",
    remedy: str = "",
    reuse_images_of: int = 0,
    objective: str = "",
    goal_cells: bool = False,
) -> object:
    """Draft the protocol of this round from the gaps, the budget and earlier rounds; or state parts of it yourself.

    A round uses one remedy, so that the verdict is that remedy's.

    Args:
        max_images: Maximum number of images, within this round's share of the budget; 0 means the whole share.
        feedback: What to change in the last draft, in words.
        cells: Cells with their numbers of images; without them the drafter chooses.
        weight: Sampling weight of a synthetic image against a real one, up to 10; 0: the drafter's.
        scorer: Outlier scorer: margin, knn, centre_ratio, isolation, lof or risk; empty: the drafter's.
        remedy: Remedy of this round, such as `serve:csls`, without pilots; empty: what pilots choose.
        reuse_images_of: A rolled-back round whose kept images are trained on again, beside the new ones.
        objective: What all images should show and what must stay, in one or two sentences.
        goal_cells: Spread the images evenly over all cells that the goal names, in place of cells.
    """
    context, round_index = runtime.context, runtime.state["round"]
    session = context.session
    if max_images < 0 or cells == []:
        raise ToolError("max_images is at least 0, and cells is left out or lists at least one cell")
    brief = build_brief(session, round_index, max_images, feedback)
    others = any(not offer.remedy.startswith(GENERATE) for offer in list_tries(session))
    if cells and goal_cells:
        raise ToolError("cells and goal_cells exclude each other: list the cells, or take those of the goal")
    if cells or goal_cells:
        listed = [CellRequest(Cell(one.class_name, one.facet, one.value), one.images) for one in cells or ()]
        shares = listed or share_over_goal(brief)
        protocol = build_protocol(brief, shares, clean_text(feedback, LONGEST_REASON))
    else:
        protocol = context.drafter.draft(narrow_to_showable(session, brief, others))
    protocol = change_draft(session, protocol, weight, scorer, remedy, reuse_images_of)
    if objective:
        protocol = replace(protocol, objective=cut_sentence(objective, LONGEST_REASON))
    if why := explain_draft(session, protocol) if remedy or not others else "":
        raise ToolError(f"nothing is drafted: {why}")
    check_protocol(protocol, session.collection, session.spec.regime, session.images_left)
    check_constraints(read_constraints(session), protocol)
    session.write(round_index, JournalKind.PROTOCOL, protocol)
    session.write(round_index, JournalKind.CANDIDATES, ())  # images of an earlier draft are not this protocol's
    if tries := count_tries(session, round_index):
        session.write(round_index, JournalKind.EARLIER_TRIES, tries)
    session.write(round_index, JournalKind.PILOTS, ())
    drop_candidate_arm(session, round_index)
    share = brief.num_images
    clamped = f" ({max_images} were asked for, this round's share is {share})" if max_images > share else ""
    text = (
        f"protocol {protocol.id}: {count_noun(protocol.num_images, 'image')}{clamped} for "
        f"{count_noun(len(protocol.cells), 'cell')} by {protocol.arm}, scorer {protocol.scorer}, weight "
        f"{protocol.synthetic_weight:g}, expected gain {protocol.expected_gain:+.3f}. {protocol.reason}"
    )
    text += f" It also trains on the images kept in round {protocol.reused[0]}." if protocol.reused else ""
    text += f" Remedy: {protocol.remedy}." if remedy else _list_offers(runtime)
    anew = {"protocol": hash_protocol(protocol), "approved": ""}
    return answer_call(runtime, "draft_protocol", text, protocol, undone=_LATER, **anew)


def _list_offers(runtime: Runtime) -> str:
    """Say to a chat planner which remedies it may name or pilot; the rules pilot them all."""
    if runtime.context.planner.name == "rules":
        return ""
    offers = [offer.remedy for offer in list_tries(runtime.context.session)]
    return f" Remedies to pilot: {', '.join(offers[:_MOST_OFFERS])}." if offers else ""
