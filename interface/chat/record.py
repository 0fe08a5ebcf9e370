"""What is saved of a conversation besides its messages: data, plan, run, and the undo history."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError
from atlantis_core.base.serialization import from_json
from atlantis_core.chat.run_plan import RunPlan

if TYPE_CHECKING:
    from atlantis_core.store.workspace import Workspace

_KIND = "desk"
_PREFIX = "chat-"


@dataclass(frozen=True, slots=True)
class ChatRecord:
    """One conversation without its messages, which are in `checkpoints.db`."""

    id: str
    data: str
    planned: RunPlan = field(default_factory=RunPlan)
    started: bool = False
    """Whether `run_id` was started with `planned`; otherwise the plan waits for a yes."""
    run_id: str = ""
    undo: tuple[dict[str, Any], ...] = ()
    """Oldest first: `{"what": words, "planned": plan before}`; without `planned` for a constraint of the run."""
    touched: float = 0.0
    """Seconds since the epoch."""


def save_record(workspace: Workspace, record: ChatRecord) -> ChatRecord:
    """Save a record with the current time and return it."""
    record = replace(record, touched=time.time())
    workspace.journal.write(record.id, 0, _KIND, record)
    return record


def load_record(workspace: Workspace, chat_id: str) -> ChatRecord:
    """Return the saved record of a conversation."""
    return from_json(ChatRecord, workspace.journal.read(chat_id, 0, _KIND))


def list_records(workspace: Workspace) -> list[ChatRecord]:
    """Return all conversations of a workspace."""
    return [from_json(ChatRecord, payload) for payload in workspace.journal.everywhere(_KIND).values()]


def find_or_create(workspace: Workspace, data: str | None, name: str | None, *, new: bool) -> tuple[ChatRecord, bool]:
    """Return the conversation of that name, else the newest one about DATA, and whether it existed before.

    Raises:
        SetupError: DATA is missing, or the conversation is about other data.
    """
    known = list_records(workspace)
    about = [record for record in known if data in {None, record.data}]
    found = _find_by_name(known, name) if name else max(about, key=lambda record: record.touched, default=None)
    if found is None or new:
        if name is not None and _find_by_name(known, name):
            raise SetupError(f"--new: conversation {name!r} already exists; choose another --thread")
        if data is None:
            raise SetupError("DATA is missing; e.g. atlantis chat photos/ (or `atlantis chat harbor`)")
        own = f"{time.strftime('%Y%m%d')}-{secrets.token_hex(2)}" if name is None else name.removeprefix(_PREFIX)
        return ChatRecord(_PREFIX + own, data), False
    if data is not None and data != found.data:
        raise SetupError(f"conversation {name!r} is about {found.data!r}, not {data!r}; choose another --thread")
    return found, True


def _find_by_name(known: list[ChatRecord], name: str) -> ChatRecord | None:
    if not re.fullmatch(r"[\w-]{1,60}", name):
        raise SetupError(f"--thread {name!r} may contain only letters, digits, - and _ (at most 60)")
    return next((record for record in known if record.id in {name, _PREFIX + name}), None)
