"""`atlantis runs`: the runs of a workspace."""

from __future__ import annotations

from atlantis_dml.app.output import print_json
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command


@command()
def runs(workspace: options.WorkspaceFolder = None, as_json: options.Json = False) -> None:
    """List the runs of a workspace, newest first.

    Example: atlantis runs
    """
    from atlantis_dml.app.setup import open_existing
    from atlantis_dml.views.runs import show_runs

    store = open_existing(workspace)
    found = [(run, store.read_status(run)) for run in store.runs.all()]
    if as_json:
        facts = [
            {
                "run_id": run.id,
                "status": status,
                "stop_reason": run.stop_reason,
                "created": run.created,
                "data": run.spec.data,
                "goal": run.spec.goal.text,
                "planner": run.spec.planner,
            }
            for run, status in found
        ]
        print_json({"runs": facts})
    else:
        show_runs(found)
