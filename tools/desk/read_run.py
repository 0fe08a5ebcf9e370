"""Tool of the desk: facts about the data and the run."""

from __future__ import annotations

from typing import Literal

from langchain_core.tools import tool

from atlantis_core.chat import status_lines
from atlantis_core.chat.run_plan import describe_plan
from atlantis_dml.tools.desk.context import DeskRuntime

_NO_RUN = "no run was started in this conversation yet"


@tool
def read_run(
    runtime: DeskRuntime, about: Literal["status", "budget", "gaps", "rounds", "protocol", "data", "trials"]
) -> str:
    """Read facts: where the run stands, its costs, where retrieval fails, what rounds gained, what the data holds.

    Args:
        about: `status`, `budget` (spent and left), `gaps` (where it fails), `rounds` (results), `protocol` (what is
            to be made), `data` (classes, facets, counts) or `trials` (measured models).
    """
    desk = runtime.context.desk
    if about == "status":
        lines = desk.situation().splitlines()
        return "\n".join(line for line in lines if not line.startswith(("classes:", "facets:")))
    if about == "data":
        return "\n".join(status_lines.describe_data(desk.collection()))
    session = desk.session()
    if session is None:
        plan = describe_plan(desk.planned, desk.collection(), auto=False)
        return "\n".join([_NO_RUN, *(plan if about in {"budget", "protocol"} else [])])
    tellers = {
        "budget": status_lines.describe_budget,
        "gaps": status_lines.describe_gaps,
        "rounds": status_lines.describe_rounds,
        "protocol": status_lines.describe_protocol,
        "trials": status_lines.describe_trials,
    }
    return "\n".join(tellers[about](session))
