"""Five goals, by rules and by a chat model, in the terminal, on the web and over MCP: each must end as it should.

Each goal is driven as a person would (`goal_surfaces`) on the bundled small collection; the model is scripted, and
served over HTTP. Prints a table of what was read back, how it ended and what was spent; exits with 1 where an end is
not the expected one. `make bench-agents` runs it. `--only terminal web mcp` chooses the surfaces.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent_brain import text_of
from fake_provider import FakeProvider, Reply, Request, said
from goal_surfaces import IMAGES, Place, Transcript, drive_mcp, drive_terminal, drive_web

from atlantis_core.harbor.world_files import write_world
from atlantis_core.harbor.worlds import tiny_world
from atlantis_core.store.workspace import Workspace

TINY, SKIPPED = "harbor-tiny", "trawler-orange-grey"
SURFACES = {"terminal": drive_terminal, "web": drive_web, "mcp": drive_mcp}


@dataclass(frozen=True, slots=True)
class FiveGoal:
    """A goal, what an honest model reads in it, and how it must end."""

    text: str
    answer: Mapping[str, Any]
    """Of the goal reader."""
    shown: tuple[str, ...]
    """Patterns of what the person reads, by rules or by a model."""
    spends: bool = False
    """Whether a protocol is shown, and its images are generated once it is approved."""
    is_refused: bool = False
    """Whether no step of a run is taken."""
    has_night: bool = True
    """Whether the collection shows night."""

    def reads(self, prompt: str) -> bool:
        """Whether a goal reader's prompt is about this goal."""
        return json.dumps(self.text) in prompt


WHY = "why was round 1 rejected?"
GOALS = (
    FiveGoal("make it better", {"kind": "improve", "english": "Make it better."}, ("every query counts",), True),
    FiveGoal(
        "use the test set to pick the best",
        {"kind": "choose_by_test", "english": "Choose the best by the test split."},
        ("choose by the test split, which stays sealed",),
        is_refused=True,
    ),
    FiveGoal(
        "stop after diagnosis and tell me if more images would help",
        {"kind": "diagnose", "english": "Only diagnose, and say whether more images would help."},
        ("the run ends with its diagnosis", "trawler-red-white", "lack training images .* more are likely to help"),
    ),
    FiveGoal(
        "night photos",
        {"kind": "improve", "english": "Night photos.", "missing": ["night"]},
        (r"no photo here shows .night.: .condition. has .day., .fog.",),
        has_night=False,
        is_refused=True,
    ),
    FiveGoal(
        f"double night, skip {SKIPPED}, {WHY}",
        {
            "kind": "improve",
            "english": f"Night photos are found twice as often; {SKIPPED} is left alone.",
            "values": [["condition", "night"]],
            "skip_classes": [SKIPPED],
            "unmatched": ["double", WHY],
        },
        (
            "condition=night",
            f"left alone: class {SKIPPED}",
            r"words that name nothing here: \W+double",
            rf"{re.escape(WHY)}|nothing to explain",
        ),
        True,
    ),
)


def play_model(request: Request) -> Reply | None:
    """Read the five goals and host the chat; the other agents are played by `agent_brain`."""
    if request.agent == "goal":
        return Reply(json.dumps(next(goal.answer for goal in GOALS if goal.reads(request.text))))
    return said(host(request.body["messages"])) if request.agent == "host" else None


def host(messages: Sequence[Mapping[str, Any]]) -> str | tuple[str, Mapping[str, Any], str]:
    """Return a host's next call or answer, from the conversation alone."""
    place = max(n for n, message in enumerate(messages) if message["role"] == "user")
    line, since = text_of(messages[place]), messages[place + 1 :]
    called = [call["function"]["name"] for message in since for call in message.get("tool_calls") or []]
    if called and not (WHY in line and "explain" not in called):
        return text_of(messages[-1])
    if called:
        return "explain", {"question": WHY}, ""
    if limits := re.fullmatch(r"(\d+) images and (\d+) round", line):
        return "state_goal", {"images": int(limits[1]), "rounds": int(limits[2])}, ""
    return ("start_run", {}, "") if line == "yes" else ("state_goal", {"text": line}, "")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a goal ended."""

    surface: str
    reader: str
    goal: FiveGoal
    transcript: Transcript
    images: int
    cells: tuple[tuple[str, str], ...]
    """Class and value of each generated image's cell."""
    steps: int
    """Of the planner's tools: trainings and measurements among them."""

    def find_faults(self) -> list[str]:
        """Return what is not as expected."""
        goal, text = self.goal, self.transcript.text
        faults = [f"not shown: {pattern}" for pattern in goal.shown if not re.search(pattern, text)]
        if goal.spends != bool(self.images) or self.images > IMAGES or goal.spends != self.transcript.approved:
            faults.append(f"{self.images} images, approved: {self.transcript.approved}")
        if goal.is_refused and self.steps:
            faults.append(f"{self.steps} steps of a run that should not begin")
        if SKIPPED in goal.text and any(name == SKIPPED or value != "night" for name, value in self.cells):
            faults.append(f"images for {sorted(set(self.cells))}")
        return [*faults, *(["a traceback"] if "Traceback" in text else [])]

    def row(self) -> str:
        """Return the goal as a row of the table: what showed that it was understood, how it ended, what it spent."""
        lines = [line.strip() for line in self.transcript.text.splitlines()]
        shown = [next((line for line in lines if re.search(pattern, line)), "-") for pattern in self.goal.shown]
        end = next((line for line in reversed(lines) if _END.search(line)), "no run began")
        verdict = "; ".join(self.find_faults()) or "as expected"
        cells = (self.surface, self.reader, self.goal.text, " / ".join(dict.fromkeys(shown)), end, str(self.images))
        return "| " + " | ".join(cell[:_WIDEST].replace("|", "/") for cell in (*cells, verdict)) + " |"


_END = re.compile(
    "Ended because|ended because|It ended as asked|^No gain|^Gain|no photo here|stays sealed", re.MULTILINE
)
"""Lines that say how it ended."""
_WIDEST = 260
_HEAD = ("surface", "read by", "goal", "read back", "how it ended", "images", "verdict")


def drive(surface: str, reader: str, place: Place, no_night: Path) -> Iterator[Ended]:
    """Drive the goals through one surface, and return how each ended."""
    workspace = Workspace(place.workspace)
    known = {run.id for run in workspace.runs.all()}
    data = [TINY if goal.has_night else str(no_night) for goal in GOALS]
    transcripts = SURFACES[surface]([(name, goal.text) for name, goal in zip(data, GOALS, strict=True)], place)
    begun = [run for run in workspace.runs.all() if run.id not in known]
    for goal, heard in zip(GOALS, transcripts, strict=True):
        runs = [run.id for run in begun if goal.text.startswith(run.spec.goal.text)]
        drafted = [workspace.journal.read(run, 1, "protocol") for run in runs]
        cells = [
            (one["cell"]["class_name"], one["cell"]["value"]) for each in drafted if each for one in each["cells"]
        ]
        images = sum(int(workspace.ledger.spent(run)["images"]) for run in runs)
        steps = sum(len(workspace.events.of_kind(run, "tool")) for run in runs)
        yield Ended(surface, reader, goal, heard, images, tuple(cells), steps)


def write_world_without_night(folder: Path) -> Path:
    """Write the small world with fog in place of night."""
    world = tiny_world(0)
    cells = tuple(replace(one, condition="fog") if one.condition == "night" else one for one in world.cells)
    return write_world(replace(world, name="harbor-no-night", cells=cells), folder / "no-night")


def run_all(surfaces: Sequence[str], readers: Sequence[str], folder: Path) -> list[Ended]:
    """Drive the goals through these surfaces by these readers; `folder` gets a workspace."""
    provider, no_night = FakeProvider(), write_world_without_night(folder)
    provider.faults["goals"] = play_model
    found: list[Ended] = []
    with provider.running(), _key():
        model = ("--planner", "openai:bench-model", "--base-url", provider.address("goals"))
        for reader in readers:
            for surface in surfaces:
                place = Place(folder / "workspace", model if reader == "model" else ())
                started = time.monotonic()
                found += drive(surface, reader, place, no_night)
                print(f"{surface}, by {reader}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    return found


@contextmanager
def _key() -> Iterator[None]:
    before = os.environ.get("OPENAI_API_KEY")
    os.environ["OPENAI_API_KEY"] = "sk-five-goals"
    try:
        yield
    finally:
        if before is None:
            del os.environ["OPENAI_API_KEY"]
        else:
            os.environ["OPENAI_API_KEY"] = before


def main() -> int:
    """Drive the goals and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", nargs="+", choices=list(SURFACES), default=list(SURFACES))
    parser.add_argument("--by", nargs="+", choices=["rules", "model"], default=["rules", "model"])
    parser.add_argument("--transcript", action="store_true", help="print all that the person read, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="atlantis-goals-") as folder:
        ended = run_all(options.only, options.by, Path(folder).resolve())
    if options.transcript:
        for one in ended:
            print(f"## {one.surface}, by {one.reader}: {one.goal.text}\n\n{one.transcript.text}\n")
    print("\n".join([f"| {' | '.join(_HEAD)} |", "|" + " --- |" * len(_HEAD), *(one.row() for one in ended)]))
    return int(any(one.find_faults() for one in ended))


if __name__ == "__main__":
    raise SystemExit(main())
