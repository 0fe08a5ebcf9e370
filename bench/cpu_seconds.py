"""CPU seconds of commands, in all and until they say something, in one or more checkouts. Linux only.

`python bench/cpu_seconds.py --checkout OLD --checkout .` compares two versions. Each command is a fresh process, in
turn with the others, a few times; the least is given, since other jobs on the machine only add to it. CPU seconds are
user and system time of the process and of those it started. Every checkout has a `.venv` of its own (`make dev`), all
run on the same workspace, and without `--workspace` the first one fills a new one with a small run. `diagnose` begins
with an empty workspace each time, so that nothing is cached.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PHOTOS = ROOT.parent / "shared" / "data" / "tiny_ci"
FILL = "run harbor --goal night --preset smoke --rounds 1 --seeds 1 --budget-images 20 --auto"
COMMANDS = {
    "--help": "--help",
    "presets": "presets",
    "runs": "runs --workspace WORKSPACE",
    "trace": "trace last --workspace WORKSPACE",
    "report": "report last --workspace WORKSPACE",
    "doctor": "doctor --workspace WORKSPACE",
    "diagnose": "diagnose PHOTOS --frozen --workspace NEW",
    "heatmap": "plot heatmap last harbor --out NEW.svg --workspace WORKSPACE",
    "map": "plot map last harbor --out NEW.svg --workspace WORKSPACE",
    "evaluate": "evaluate last harbor --workspace WORKSPACE",
    "train": "train PHOTOS --preset smoke --seeds 1 --workspace NEW",
    "export": "export last NEW --workspace WORKSPACE",
    "run": "run PHOTOS --goal night --preset smoke --seeds 1 --rounds 1 --budget-images 2 --auto --workspace NEW",
}
"""Name -> arguments; the words in capitals are replaced by paths."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process cost."""

    cpu_seconds: float
    first_seconds: float
    """CPU seconds until its first output; on an idle machine hardly more by the clock."""


def main() -> None:
    """Measure, and print a Markdown table with a row for each command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commands", nargs="*", metavar="COMMAND", help=f"of {', '.join(COMMANDS)}; default: all")
    parser.add_argument("--checkout", type=Path, action="append", help="a clone with its .venv; default: this one")
    parser.add_argument("--workspace", type=Path, help="a workspace with a run on harbor; default: made for this")
    parser.add_argument("--photos", type=Path, default=PHOTOS, help="for `diagnose`; default: %(default)s")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    names = given.commands or list(COMMANDS)
    if unknown := set(names) - set(COMMANDS):
        parser.error(f"unknown command {min(unknown)!r}; known: {', '.join(COMMANDS)}")
    if not given.photos.exists():
        print(f"what needs photos is left out: there is no {given.photos}", file=sys.stderr)
        names = [name for name in names if "PHOTOS" not in COMMANDS[name]]
    checkouts = [folder.resolve() for folder in given.checkout or [ROOT]]
    with tempfile.TemporaryDirectory() as scratch:
        workspace = given.workspace or _fill_workspace(checkouts[0], Path(scratch))
        costs = _measure(checkouts, names, {"WORKSPACE": workspace, "PHOTOS": given.photos}, given.repeats)
    _print_table(checkouts, names, costs)


def _fill_workspace(checkout: Path, scratch: Path) -> Path:
    workspace = scratch / "workspace"
    print("filling a workspace ...", file=sys.stderr)
    command = [str(checkout / ".venv/bin/atlantis"), *FILL.split(), "--workspace", str(workspace)]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 (our own)
    return workspace


def _measure(
    checkouts: Sequence[Path], names: Sequence[str], paths: dict[str, Path], repeats: int
) -> dict[tuple[Path, str], Cost]:
    """Return the least cost of each command in each checkout."""
    least: dict[tuple[Path, str], Cost] = {}
    for repeat in range(repeats):
        for name in names:
            for checkout in checkouts:
                found, best = _run(checkout, COMMANDS[name].split(), paths), least.get((checkout, name))
                print(f"{repeat + 1}/{repeats} {checkout} {name}: {found.cpu_seconds:.2f}", file=sys.stderr)
                best = best or Cost(math.inf, math.inf)
                least[checkout, name] = Cost(
                    min(found.cpu_seconds, best.cpu_seconds), min(found.first_seconds, best.first_seconds)
                )
    return least


def _run(checkout: Path, words: Sequence[str], paths: dict[str, Path]) -> Cost:
    """Run a command to its end."""
    with tempfile.TemporaryDirectory() as new:
        known = {name: str(path) for name, path in paths.items()}
        known |= {"NEW": f"{new}/new", "NEW.svg": f"{new}/new.svg"}
        command = [str(checkout / ".venv/bin/atlantis"), *(known.get(word, word) for word in words)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:  # noqa: S603
            assert process.stdout
            said = os.read(process.stdout.fileno(), 1)
            first_seconds = _cpu_seconds_so_far(process.pid)
            said += process.stdout.read()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit {process.returncode}\n{said.decode()}")
    return Cost(used.ru_utime + used.ru_stime, first_seconds)


def _cpu_seconds_so_far(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _print_table(checkouts: Sequence[Path], names: Sequence[str], costs: dict[tuple[Path, str], Cost]) -> None:
    print("| command |" + "".join(f" {folder}: CPU seconds | until the first line |" for folder in checkouts))
    print("| --- |" + " --- | --- |" * len(checkouts))
    for name in names:
        found = [costs[folder, name] for folder in checkouts]
        cells = "".join(f" {one.cpu_seconds:.2f} | {one.first_seconds:.2f} |" for one in found)
        print(f"| `{COMMANDS[name]}` |{cells}")


if __name__ == "__main__":
    main()
