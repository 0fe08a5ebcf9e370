"""`atlantis indexes`: the image indexes of a workspace."""

from __future__ import annotations

from atlantis_dml.app.output import print_json
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command


@command()
def indexes(workspace: options.WorkspaceFolder = None, as_json: options.Json = False) -> None:
    """List the indexes of the workspace.

    Example: atlantis indexes
    """
    from atlantis_dml.app.index import describe_indexes
    from atlantis_dml.views.search import show_indexes

    found = describe_indexes(workspace)
    print_json(found) if as_json else show_indexes(found)
