"""Export targets of traces: `mlflow` (a database in the workspace) or `mlflow:URL`."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from atlantis_core.base.errors import SetupError

INSTALL = "pip install 'atlantis-dml[trace]'"
EXPERIMENT = "atlantis"
"""Name of the MLflow experiment that holds every run."""

_DATABASE = "mlflow.db"
_ARTIFACTS = "mlflow-artifacts"
_SCHEMES = ("http", "https", "sqlite")


@dataclass(frozen=True, slots=True)
class Target:
    """An MLflow that receives spans, runs and trials."""

    tracking_uri: str
    artifacts: str | None
    """Folder of artifacts as a URI; None if the server decides."""
    ui: str
    """Command that shows it; empty if a server does."""
    page: str
    """Address of its pages, without a trailing `/`."""

    def trace_page(self, experiment_id: str, trace_id: str) -> str:
        """Return the address of a trace."""
        return f"{self.page}/#/experiments/{experiment_id}/traces?traceId={trace_id}"

    def run_page(self, experiment_id: str, mlflow_run_id: str) -> str:
        """Return the address of a run."""
        return f"{self.page}/#/experiments/{experiment_id}/runs/{mlflow_run_id}"


def check_target(named: str) -> None:
    """Refuse a wrong target before any work.

    Raises:
        SetupError: It is not a target, or MLflow is not installed.
    """
    exporter, colon, url = named.partition(":")
    if exporter != "mlflow" or (colon and not url):
        raise SetupError(f"unknown trace target {named!r}; known: mlflow (in the workspace), mlflow:URL (a server)")
    if url:
        _check_url(url)
    if importlib.util.find_spec("mlflow") is None:
        raise SetupError(f"exporting traces to MLflow needs the extra `trace`; install it with: {INSTALL}")


def resolve_target(named: str, folder: Path) -> Target:
    """Return the target `mlflow`, in this workspace, or `mlflow:URL`.

    Raises:
        SetupError: See `check_target`.
    """
    check_target(named)
    url = named.partition(":")[2]
    if url.startswith("http"):
        return Target(url.rstrip("/"), None, "", url.rstrip("/"))
    uri = url or f"sqlite:///{folder / _DATABASE}"
    beside = Path(uri.removeprefix("sqlite:///")).absolute().parent
    ui = f"mlflow ui --backend-store-uri '{uri}' --host 127.0.0.1 --workers 1"
    return Target(uri, (beside / _ARTIFACTS).as_uri(), ui, "http://127.0.0.1:5000")


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise SetupError(
            "the address of MLflow contains a user name or password; set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD instead"
        )
    if parts.scheme not in _SCHEMES or (parts.scheme != "sqlite" and not parts.hostname):
        raise SetupError(f"{url!r} is not an address of an MLflow server; write it like http://127.0.0.1:5000")
