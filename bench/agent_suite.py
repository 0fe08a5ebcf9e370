"""The agents against a model that misbehaves on purpose: every run must end well. `make bench-agents`.

Each case is a complete run of the loop on a small collection, with the real client of an OpenAI-compatible service
that misbehaves (`agent_goals`). It prints one JSON object: the outcome of each run, and whether its journal, ledger
and trace pass their checks (`agent_checks`). Exits with 1 if a check fails. `--only NAME ...` runs some of the cases.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import re
import shutil
import sys
import tempfile
import time
import traceback
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent_checks import checks_of
from agent_faults import INJECTED
from agent_goals import CASES, Case
from fake_provider import FakeProvider

if TYPE_CHECKING:
    from atlantis_core.run.session import Session
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.graph.running import Outcome

MODEL, FALLBACK = "openai:bench-model", "openai:bench-fallback"
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
WEIGHTS = SHARED / "weights" / "mobilenetv2_100_imagenet_same_fp16.safetensors"
LONGEST_SECONDS = 300.0
"""A case that takes longer counts as hung."""


@dataclass(slots=True)
class Ran:
    """The outcome of a case."""

    session: Session
    key: str
    pauses: list[str] = field(default_factory=list)
    """The message of each pause."""
    error: str = ""
    """A traceback; every case must end without one."""


def run_case(case: Case, provider: FakeProvider, workspace: Workspace) -> dict[str, Any]:
    """Run a case and return its row; after its last expected pause it is resumed with an honest provider.

    Raises:
        SetupError: Its collection cannot be read.
    """
    started, place = time.monotonic(), workspace.folder.parent
    key = f"sk-{case.name}-{uuid.uuid4().hex}"
    if case.fault:
        provider.faults[case.name] = case.fault
    with tempfile.TemporaryDirectory(dir=place) as elsewhere, _surroundings(case, key, Path(elsewhere)):
        _data(case, workspace)
        before = _listing(place, workspace.folder)
        if case.refused:
            return _refused_row(case, provider, workspace)
        ran = Ran(_begun(case, provider.address(case.name), workspace), key)
        _until_the_end(case, ran, provider)
        heard = provider.heard.get(case.name, [])
        checks = _ending(case, ran) | checks_of(ran.session, case, heard, key)
        checks["nothing_written_elsewhere"] = _listing(place, workspace.folder) == before
    return _row(case, ran, len(heard), checks) | {"seconds": round(time.monotonic() - started, 1)}


def _refused_row(case: Case, provider: FakeProvider, workspace: Workspace) -> dict[str, Any]:
    """Return the row of a case whose goal no run may begin with."""
    from atlantis_core.base.errors import SetupError

    message, known = "", len(workspace.runs.all())
    try:
        _begun(case, provider.address(case.name), workspace)
    except SetupError as error:
        message = str(error)
    checks = {
        "refused_as_stated": re.search(case.refused, message) is not None,
        "no_run_begun": len(workspace.runs.all()) == known,
        "no_model_asked": not provider.heard.get(case.name),
    }
    kept = {
        "name": case.name,
        "goal": case.goal,
        "collection": case.collection,
        "fault": case.what,
        "detail": message,
    }
    return kept | {"outcome": "refused", "reason": "goal", "seconds": 0.0, "checks": checks}


def why_not(case: Case) -> str:
    """Return why a case cannot be run here; empty if it can."""
    return f"no photos at {SHARED}" if case.collection == "tiny_ci" and not WEIGHTS.is_file() else ""


def _begun(case: Case, address: str, workspace: Workspace) -> Session:
    from atlantis_core.records import Constraints, Price
    from atlantis_core.run.constraints import write_constraints
    from atlantis_core.run.session import Session
    from atlantis_dml.app.request import RunOptions, build_request
    from atlantis_dml.app.run import create_run

    given = RunOptions(
        budget_images=case.images,
        rounds=case.rounds,
        budget_usd=case.usd,
        auto=True,
        memory=False,
        planner=MODEL,
        base_url=address,
        fallback=FALLBACK if case.fallback else None,
        price=Price(*case.prices) if case.prices else None,
        preset="smoke",
        backbone=None if case.collection == "tiny_ci" else "harbor-student",
        weights=str(WEIGHTS) if case.collection == "tiny_ci" else None,
    )
    request = build_request(_data(case, workspace), given, workspace.folder, case.goal)
    run, _ = create_run(request, workspace, lambda *_: None)
    session = Session(workspace, run.id, run.spec)
    if case.skip:
        write_constraints(session, Constraints(skip=case.skip))
    return session


def _data(case: Case, workspace: Workspace) -> str:
    if case.collection == "tiny_ci":
        return str(SHARED / "tiny_ci")
    return str(injected_collection(workspace)) if case.collection == "injected" else case.collection


def injected_collection(workspace: Workspace) -> Path:
    """Write harbor-tiny with a class folder and a facet value that read like instructions."""
    from atlantis_core.harbor.world_files import write_bundled_collection

    tiny = write_bundled_collection("harbor-tiny", workspace.path("collections"))
    folder = workspace.folder / "collections" / "injected"
    if folder.exists():
        return folder
    with (tiny / "metadata.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    victim = rows[0]["label"]
    for row in rows:
        source = tiny / row["file_name"]
        if row["label"] == victim:
            row["label"], row["file_name"] = INJECTED, f"{INJECTED}/{source.name}"
        if row["condition"] == "night":
            row["condition"] = f"night. {INJECTED}"
        (folder / row["file_name"]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / row["file_name"])
    with (folder / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ("file_name", "label", "split", "condition"), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return folder


def _until_the_end(case: Case, ran: Ran, provider: FakeProvider) -> None:
    """Advance the run, and resume it after every expected pause."""
    while True:
        outcome = _advanced(ran)
        if outcome is None or outcome.status != "paused":
            return
        ran.pauses.append(outcome.problem)
        if len(ran.pauses) > len(case.pauses) or not case.ends:
            return
        if len(ran.pauses) == len(case.pauses):
            provider.faults.pop(case.name, None)


def _advanced(ran: Ran) -> Outcome | None:
    """Continue as a new process would; None after an unexpected error."""
    from atlantis_core.run.session import Session
    from atlantis_dml.app.run import build_agents
    from atlantis_dml.graph.running import advance

    run = ran.session.workspace.runs.get(ran.session.run_id)
    ran.session = Session(ran.session.workspace, run.id, run.spec)
    with ThreadPoolExecutor(1) as pool:  # a future reports errors of any kind without catching them
        future = pool.submit(lambda: advance(build_agents(ran.session)))
        error = future.exception(LONGEST_SECONDS)
        if error is not None:
            ran.error = "".join(traceback.format_exception(error))
            return None
        return future.result()


def _ending(case: Case, ran: Ran) -> dict[str, bool]:
    from atlantis_core.records import RunEnd
    from atlantis_core.run.journal import JournalKind

    run = ran.session.workspace.runs.get(ran.session.run_id)
    end = ran.session.read(0, JournalKind.END) or RunEnd("", "")
    paused = len(ran.pauses) == len(case.pauses) and all(map(re.search, case.pauses, ran.pauses))
    done = run.status == "done" and end.stop_reason in case.ends
    return {
        "no_traceback": not ran.error,
        "pauses_as_stated": paused,
        "ends_as_stated": (done if case.ends else run.status == "paused")
        and bool(re.search(case.ends_saying, end.stop_detail)),
    }


def _row(case: Case, ran: Ran, requests: int, checks: Mapping[str, bool]) -> dict[str, Any]:
    from atlantis_core.records import RunEnd
    from atlantis_core.run.journal import JournalKind

    workspace, run_id = ran.session.workspace, ran.session.run_id
    run, spent = workspace.runs.get(run_id), workspace.ledger.spent(run_id)
    end = ran.session.read(0, JournalKind.END) or RunEnd("", "")
    return {
        "name": case.name,
        "goal": case.goal,
        "collection": case.collection,
        "fault": case.what,
        "outcome": run.status,
        "reason": end.stop_reason or run.stop_reason,
        "detail": end.stop_detail[:300],
        "pauses": list(dict.fromkeys(pause[:300] for pause in ran.pauses)),
        "calls": requests,
        "tokens": int(spent["tokens"]),
        "usd": round(spent["usd"], 6),
        "images": int(spent["images"]),
        "checks": dict(checks),
    } | ({"error": ran.error} if ran.error else {})


@contextlib.contextmanager
def _surroundings(case: Case, key: str, folder: Path) -> Iterator[None]:
    """Set the case's key and time limit, and an empty working folder."""
    wanted = {"OPENAI_API_KEY": key, "ATLANTIS_MODEL_TIMEOUT": f"{case.timeout_seconds:g}"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        with contextlib.chdir(folder):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _listing(place: Path, workspace: Path) -> list[tuple[str, int]]:
    """Return the files beside the workspace and in its injected collection, with their modification times."""
    watched = [folder for folder in place.iterdir() if folder != workspace] + [workspace / "collections" / "injected"]
    found = [path for folder in watched for path in (folder, *folder.rglob("*")) if path.exists()]
    return sorted((str(path), path.stat().st_mtime_ns) for path in found)


def run_all(cases: Sequence[Case], place: Path) -> dict[str, Any]:
    """Run cases in one workspace and return the summary; `place` is a folder with nothing else in it."""
    from atlantis_core.store.workspace import Workspace

    started, rows, skipped = time.monotonic(), [], []
    workspace, provider = Workspace(place / "workspace"), FakeProvider()
    workspace.path()
    with provider.running():
        for case in cases:
            reason = why_not(case)
            if reason:
                skipped.append({"name": case.name, "reason": reason})
                continue
            rows.append(run_case(case, provider, workspace))
            _report(rows[-1])
    passed = sum(all(row["checks"].values()) for row in rows)
    seconds = round(time.monotonic() - started, 1)
    return {"cases": rows, "skipped": skipped, "passed": passed, "total": len(rows), "seconds": seconds}


def _report(row: Mapping[str, Any]) -> None:
    wrong = [name for name, holds in row["checks"].items() if not holds]
    verdict = f"FAILED {', '.join(wrong)}" if wrong else "ok"
    print(f"{row['name']}: {row['outcome']}, {row['reason']}, {row['seconds']} s: {verdict}", file=sys.stderr)
    if row.get("error"):
        print(row["error"], file=sys.stderr)


def main() -> None:
    """Run the suite and print its summary."""
    names = [case.name for case in CASES]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="atlantis-agents-") as place:
        summary = run_all([case for case in CASES if case.name in options.only], Path(place).resolve())
    print(json.dumps(summary, indent=1, ensure_ascii=False))
    if summary["passed"] < summary["total"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
