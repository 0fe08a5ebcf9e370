"""`atlantis doctor`: checks packages, devices, workspace and the provider of chat models."""

from __future__ import annotations

from typing import Annotated

import typer

from atlantis_dml.app.output import EXIT_USER_ERROR, announce, print_json, say
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command


@command()
def doctor(
    base_url: Annotated[str | None, typer.Option(help="Also ask this service for its models.")] = None,
    imports: Annotated[
        bool, typer.Option("--imports", help="Also import torch and timm and build the bundled model, in seconds.")
    ] = False,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Check the installation; exit code 2 if something is wrong.

    Example: atlantis doctor
    """
    if imports:
        announce("importing torch and timm")
    from atlantis_dml.app.doctor import check_installation
    from atlantis_dml.views.tables import build_table, stdout_console

    checks = check_installation(base_url, workspace, imports=imports)
    ok = all(check["ok"] for check in checks)
    if as_json:
        print_json({"ok": ok, "checks": checks})
    else:
        rows = [("ok" if check["ok"] else "FAILS", check["name"], check["found"]) for check in checks]
        stdout_console().print(build_table(("", "what", "found"), rows))
        if not imports:
            say("`atlantis doctor --imports` also loads torch, timm and the bundled model, which takes seconds")
    if not ok:
        raise typer.Exit(EXIT_USER_ERROR)
