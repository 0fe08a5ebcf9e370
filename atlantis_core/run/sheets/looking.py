"""Looks at a contact sheet: draws it, asks the run's vision model if there is one, and writes down what it said."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from atlantis_core.base.atomic_file import write_atomically
from atlantis_core.base.errors import BudgetExceeded, NoUsableReply, ProviderRefused, ProviderUnavailable
from atlantis_core.base.text import clean_text
from atlantis_core.records.sheet import Finding, Look, Sheet
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.sheets.drawing import draw_sheet
from atlantis_core.run.sheets.findings import compare_with_known, describe_look

if TYPE_CHECKING:
    from atlantis_core.run.session import Session
    from atlantis_core.run.sheets.plans import SheetPlan

MOST_FAILURES = 2
"""Looks without a finding in a row after which no more are asked for: each waits long for a provider that fails."""

_LONGEST_PROBLEM = 160


class Eyes(Protocol):
    """A model that looks at contact sheets."""

    name: str

    def look(self, sheet: Sheet, jpeg: bytes, question: str) -> Finding:
        """Return what is on a sheet, checked against it (`findings.check_finding`).

        Raises:
            NoUsableReply: The answers cannot be used.
            ProviderRefused: The model takes no images, or not these.
            ProviderUnavailable: It cannot be reached.
            BudgetExceeded: The dollars left do not pay for a look.
        """


def look_at(
    session: Session, round_index: int, plan: SheetPlan, eyes: Eyes | None, *, is_asked: bool = False
) -> Look:
    """Draw a sheet, ask about it, write both down, and return them; a model that fails costs a look, never a run."""
    jpeg = draw_sheet(plan.rows, len(plan.parts))
    name = f"round-{round_index}-{plan.kind}-{hashlib.sha256(jpeg).hexdigest()[:8]}.jpg"
    sheet = Sheet(plan.kind, plan.parts, plan.tiles, name, plan.has_control)
    path = find_sheet(session, sheet)
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_atomically(path) as part:
        part.write_bytes(jpeg)
    earlier = list_looks(session)
    if eyes is None or not has_open_eyes(earlier):
        look = Look(sheet)
        if not earlier:
            session.say(f"contact sheets to look at (the report shows them too): {path.parent}")
    else:
        look = _ask(session, sheet, jpeg, plan.question, eyes)
        if not has_open_eyes([*earlier, look]):
            session.say(
                f"{eyes.name} gives no findings about images ({look.problem}): the run goes on without eyes; its "
                f"contact sheets are for you to look at: {path.parent}"
            )
    look = replace(look, is_asked=is_asked)
    write_look(session, round_index, look)
    return look


def _ask(session: Session, sheet: Sheet, jpeg: bytes, question: str, eyes: Eyes) -> Look:
    with session.span("look", sheet.title, {"kind": sheet.kind, "sheet": sheet.file}) as span:
        try:
            look = Look(sheet, "found", compare_with_known(session, sheet, eyes.look(sheet, jpeg, question)))
        except BudgetExceeded as error:
            look = Look(sheet, "unpaid", problem=_shorten(error))
        except ProviderRefused as error:
            look = Look(sheet, "refused", problem=_shorten(error))
        except (NoUsableReply, ProviderUnavailable) as error:
            look = Look(sheet, "failed", problem=_shorten(error))
        span.status = "done" if look.finding else "failed"
        span.output = {"text": describe_look(look), "look": look}
    return look


def _shorten(error: Exception) -> str:
    return clean_text(str(error), _LONGEST_PROBLEM)


def find_sheet(session: Session, sheet: Sheet) -> Path:
    """Return the path of a drawn sheet."""
    return session.workspace.folder / "runs" / session.run_id / "sheets" / sheet.file


def list_looks(session: Session) -> list[Look]:
    """Return every look of a run so far, in order."""
    indices = sorted(session.workspace.journal.rounds(session.run_id))
    return [look for index in indices for look in read_looks(session, index)]


def read_looks(session: Session, round_index: int) -> tuple[Look, ...]:
    """Return the looks of a round, in order."""
    return session.read(round_index, JournalKind.LOOKS) or ()


def write_look(session: Session, round_index: int, look: Look) -> None:
    """Add a look to those of its round; one at the same sheet takes the place of the earlier one."""
    others = (one for one in read_looks(session, round_index) if one.sheet.file != look.sheet.file)
    session.write(round_index, JournalKind.LOOKS, (*others, look))


def has_open_eyes(looks: Sequence[Look]) -> bool:
    """Whether it is worth asking again.

    It is not where the model refused a sheet before it ever answered, since it then takes no images, nor after
    `MOST_FAILURES` failures in a row.
    """
    asked = [look.status for look in looks if look.status in {"found", "refused", "failed"}]
    if "refused" in asked and "found" not in asked:
        return False
    newest = asked[-MOST_FAILURES:]
    return len(newest) < MOST_FAILURES or "found" in newest
