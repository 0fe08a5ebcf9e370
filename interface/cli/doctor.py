"""`atlantis doctor`: checks packages, devices, workspace and the provider of chat models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from atlantis_dml.app.output import EXIT_USER_ERROR, print_json
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command

if TYPE_CHECKING:
    from atlantis_dml.app.doctor import Check


@command()
def doctor(
    base_url: Annotated[str | None, typer.Option(help="Also ask this service for its models.")] = None,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Check the installation; exit code 2 if something is wrong.

    Example: atlantis doctor
    """
    from atlantis_dml.app.doctor import check_installation

    checks = check_installation(base_url, workspace)
    ok = all(check["ok"] for check in checks)
    print_json({"ok": ok, "checks": checks}) if as_json else _show(checks)
    if not ok:
        raise typer.Exit(EXIT_USER_ERROR)


def _show(checks: list[Check]) -> None:
    from atlantis_dml.views.runs import build_table, stdout_console

    rows = [("ok" if check["ok"] else "FAILS", check["name"], check["found"]) for check in checks]
    stdout_console().print(build_table(("", "what", "found"), rows))
