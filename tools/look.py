"""Tool: look at images, on a contact sheet that the run's vision model sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_core.tools import tool

from atlantis_core.base.errors import ToolError
from atlantis_core.run.sheets.asking import plan_asked
from atlantis_core.run.sheets.findings import report_look
from atlantis_core.run.sheets.looking import look_at, read_looks
from atlantis_dml.tools.context import Runtime, answer_call, find_diagnosing

if TYPE_CHECKING:
    from atlantis_core.run.session import Session

MOST_ASKED = 3
"""Sheets that a planner may ask for in a round."""

WORDS = "look looked see saw seen sheet tile eyes"


@tool
def look(what: str, runtime: Runtime) -> object:
    """Look at up to 12 images and learn what they show and whether they show what they should.

    Args:
        what: `missed` (queries, beside what came first), `made` (this round's new images beside photos), `kept` or
            `rejected` (by the filters), a class, a gap's cell as `class, facet: value` or `facet: value`, or image
            ids joined by commas.
    """
    session, round_index = runtime.context.session, runtime.state["round"]
    _check_number(session, round_index)
    plan = plan_asked(session, round_index, find_diagnosing(runtime), what)
    found = look_at(session, round_index, plan, runtime.context.eyes, is_asked=True)
    text = report_look(found).strip() or (
        f"the sheet of {found.sheet.title} was drawn for the person; no model of this run sees images, so decide by "
        "figures"
    )
    return answer_call(runtime, "look", text, found, undone=("look",))


def _check_number(session: Session, round_index: int) -> None:
    asked = sum(look.is_asked for look in read_looks(session, round_index))
    if asked >= MOST_ASKED:
        raise ToolError(f"this round has had {asked} looks that were asked for, the most there are; decide by them")
