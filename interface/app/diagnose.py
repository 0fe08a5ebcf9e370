"""Finds the gaps of a collection, for `atlantis diagnose`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_dml.app.progress import open_stderr_screen
from atlantis_dml.app.setup import open_session_without_run

if TYPE_CHECKING:
    from atlantis_dml.app.progress import Screen
    from atlantis_dml.app.request import RunRequest


def diagnose_data(
    request: RunRequest, folder: Path | None, *, untrained: bool, top: int, screen: Screen | None = None
) -> dict[str, Any]:
    """Read DATA and find its `top` largest gaps; `untrained` measures the backbone without training.

    Progress goes to the screen; None opens one on stderr.
    """
    started = time.monotonic()
    with screen or open_stderr_screen() as shown:
        session = open_session_without_run("diagnose", request, folder, shown, trains=not untrained)
        from atlantis_core.workflows.diagnose import diagnose_collection  # slow: after the first line

        found = diagnose_collection(session, untrained=untrained, top=top)
    about = {"backbone": session.backbone.architecture, "weights": session.backbone.weights}
    return found | about | {"seconds": round(time.monotonic() - started, 2)}
