"""Checks of a run's journal, ledger and trace that must hold whatever its chat model did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent_goals import Case
from fake_provider import Request

from atlantis_core.base.serialization import from_json
from atlantis_core.data.facets import facet_value_lists
from atlantis_core.records import Cell, Constraints, Protocol

if TYPE_CHECKING:
    from atlantis_core.run.session import Session

Rounds = Mapping[int, Mapping[str, Any]]


def checks_of(session: Session, case: Case, heard: Sequence[Request], key: str) -> dict[str, bool]:
    """Return check -> whether it holds, for a run that has ended or paused."""
    workspace, run_id = session.workspace, session.run_id
    rounds: Rounds = workspace.journal.rounds(run_id)
    events = list(_all_events(workspace.events.tree(run_id)))
    run = workspace.runs.get(run_id)
    judged = {index: entries for index, entries in rounds.items() if "decision" in entries}
    return {
        "status_and_reason": run.status in {"done", "paused"} and bool(run.stop_reason),
        "end_is_written": run.status != "done" or bool(rounds[0].get("end", {}).get("stop_detail")),
        "images_booked": _images_agree(session, rounds, events),
        "within_images": workspace.ledger.spent(run_id)["images"] <= case.images,
        "within_dollars": case.usd is None or workspace.ledger.spent(run_id)["usd"] <= case.usd,
        "tokens_booked": workspace.ledger.spent(run_id)["tokens"] == sum(event["tokens"] for event in events),
        "dollars_booked": _close(workspace.ledger.spent(run_id)["usd"], sum(event["usd"] for event in events)),
        "within_rounds": max(judged, default=0) <= case.rounds,
        "rounds_are_whole": all(
            {"gaps", "protocol", "candidates", "arms", "decision", "critique"} <= entries.keys()
            for entries in judged.values()
        ),
        "made_as_asked": all(_made_as_asked(session, entries) for entries in rounds.values()),
        "cells_are_known": all(_is_known(session, protocol) for protocol in _protocols(rounds)),
        "wishes_are_kept": not _unwanted(Constraints(case.skip), rounds),
        "incumbent_only_by_keeping": _incumbents_follow(rounds),
        "no_test_image": not _names_a_test_image(session, rounds, events, heard),
        "test_is_sealed": "test" not in rounds[0] if 0 in rounds else True,
        "decisions_have_reasons": all(map(_has_reason, events)),
        "few_requests": len(heard) <= case.most_requests,
        "key_is_nowhere": not any(key.encode() in path.read_bytes() for path in _databases(workspace.folder)),
    }


def _all_events(nodes: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for node in nodes:
        yield node
        yield from _all_events(node["children"])


def _close(one: float, other: float) -> bool:
    return abs(one - other) < 1e-9


def _images_agree(session: Session, rounds: Rounds, events: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the booked images are those of the journal; more only after pilots, or if a round generated twice."""
    made = {key for entries in rounds.values() for key in entries.get("candidates", [])}
    booked = session.workspace.ledger.spent(session.run_id)["images"]
    times = sum(event["name"] == "generate_images" and event["status"] == "done" for event in events)
    twice = times > sum("candidates" in entries for entries in rounds.values())
    twice = twice or any(pilot["images"] for entries in rounds.values() for pilot in entries.get("pilots", []))
    return len(session.workspace.candidates.find(made)) == len(made) and (
        booked >= len(made) if twice else booked == len(made)
    )


def _protocols(rounds: Rounds) -> list[Protocol]:
    return [from_json(Protocol, entries["protocol"]) for entries in rounds.values() if "protocol" in entries]


def _made_as_asked(session: Session, entries: Mapping[str, Any]) -> bool:
    """Whether a judged round's images are for the cells of its protocol, and no more than it requests."""
    if "decision" not in entries:
        return True
    protocol = from_json(Protocol, entries["protocol"])
    left = {request.cell: request.count for request in protocol.cells}
    for candidate in session.workspace.candidates.find(entries["candidates"]).values():
        left[candidate.cell] = left.get(candidate.cell, 0) - 1
    return all(count >= 0 for count in left.values())


def _is_known(session: Session, protocol: Protocol) -> bool:
    classes = {image.label for image in session.collection.of_split("train")}
    values = facet_value_lists(session.collection)
    cells = [request.cell for request in protocol.cells]
    return all(
        cell.class_name in classes and (not cell.facet or cell.value in values.get(cell.facet, ())) for cell in cells
    )


def _unwanted(wishes: Constraints, rounds: Rounds) -> list[Cell]:
    cells = [request.cell for protocol in _protocols(rounds) for request in protocol.cells]
    return [cell for cell in cells if not wishes.allows(cell)]


def _incumbents_follow(rounds: Rounds) -> bool:
    """Whether the incumbent is the baseline until a round is kept, and then its candidate."""
    arms = [(entries["decision"]["kept"], entries["arms"]) for entries in rounds.values() if "decision" in entries]
    incumbent = arms[0][1]["baseline"] if arms else []
    for kept, found in arms:
        incumbent = found["candidate"] if kept else incumbent
        if found["incumbent"] != incumbent or found["baseline"] != arms[0][1]["baseline"]:
            return False
    return not arms or "final_arms" not in rounds[0] or rounds[0]["final_arms"]["incumbent"] == incumbent


def _names_a_test_image(
    session: Session, rounds: Rounds, events: Sequence[Mapping[str, Any]], heard: Sequence[Request]
) -> bool:
    opened: list[str] = []
    images = session.loaded.sealed.open("a check that nothing names them", opened.append)
    root = session.loaded.collection.root
    seen = "\n".join((str(rounds), str(events), str(_messages(session)), *(str(request.body) for request in heard)))
    names = {name for image in images for name in (image.id, image.path, str(Path(image.path).relative_to(root)))}
    return not images or any(name in seen for name in names)


def _messages(session: Session) -> Any:
    """Return the values of the graph's state."""
    from atlantis_dml.graph.running import open_graph

    with open_graph(session.workspace.checkpoints) as graph:
        return graph.get_state({"configurable": {"thread_id": session.run_id}}).values


def _has_reason(event: Mapping[str, Any]) -> bool:
    return event["kind"] != "planner" or event["status"] == "failed" or bool(event["output"]["reason"])


def _databases(folder: Path) -> list[Path]:
    return [*folder.glob("*.db*"), *(path for path in folder.glob("runs/*/*") if path.is_file())]
