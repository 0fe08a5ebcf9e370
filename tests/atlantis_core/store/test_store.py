"""What outlives a process: each thing once, found again as it was."""

from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from atlantis_core.base.errors import BudgetExceeded, SetupError
from atlantis_core.base.hashing import content_hash
from atlantis_core.base.serialization import as_json
from atlantis_core.data.reading import LoadedCollection, read_collection
from atlantis_core.records import Budget, Candidate, Cell, Goal, LabelledImage, RunSpec, Trial, TrialOrigin, Verdict
from atlantis_core.store.sql import insert_or_ignore, insert_or_replace
from atlantis_core.store.tables import splits
from atlantis_core.store.workspace import Workspace
from tests.atlantis_core.data.sample_images import class_folders


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "w")


def spec(**changes: Any) -> RunSpec:
    settings: dict[str, Any] = {"collection_id": "c", "data": "d", "goal": Goal("g"), "budget": Budget(10)}
    return RunSpec(**(settings | changes))


def test_a_run_is_found_by_its_id_by_a_prefix_and_as_the_last(workspace: Workspace) -> None:
    first, last = workspace.runs.create(spec(seeds=3)), workspace.runs.create(spec(query=("visit", "B")))
    assert workspace.runs.get(first.id).spec == spec(seeds=3)
    assert workspace.runs.get(last.id[:-1]).id == last.id
    assert workspace.runs.get("last").spec.query == ("visit", "B")
    assert [run.id for run in workspace.runs.all()] == [last.id, first.id]


def test_a_split_that_was_made_stays_when_photos_come_and_go(workspace: Workspace, tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "photos", {"a": 12, "b": 12, "c": 12})
    first = read_collection(folder)
    workspace.splits.write(first, "seen")
    sealed = {row["image"]["path"] for row in first.sealed.rows_for_store()}
    for image in first.collection.of_split("validation")[::2]:
        Path(image.path).unlink()
    known = workspace.splits.known("seen")
    second = read_collection(folder, known_splits=known)
    assert {row["image"]["path"] for row in second.sealed.rows_for_store()} == sealed
    assert {image.id: image.split for image in second.collection.images}.items() <= known.whole.items()
    afresh = read_collection(folder)
    assert {row["image"]["path"] for row in afresh.sealed.rows_for_store()} != sealed, "as it would be without"
    assert workspace.splits.sealed_elsewhere(second, "unseen") == 0
    opened = replace(second.collection, images=tuple(replace(i, split="train") for i in _all_images(first)))
    assert workspace.splits.sealed_elsewhere(replace(second, collection=opened), "unseen") == len(sealed)


def test_given_splits_say_nothing_about_a_collection_without(workspace: Workspace, tmp_path: Path) -> None:
    plain = class_folders(tmp_path / "plain", dict.fromkeys("abcdefgh", 10))
    given = tmp_path / "given"
    for part, classes in (("train", "abcd"), ("test", "efgh")):
        for name in classes:
            shutil.copytree(plain / name, given / part / name)
    afresh = read_collection(plain)
    carved = read_collection(given)
    workspace.splits.write(carved, "seen")
    again = read_collection(plain, known_splits=workspace.splits.known("seen"))
    assert again.collection == afresh.collection
    assert again.notes == afresh.notes, "no split of it was made before"
    workspace.splits.write(again, "seen")
    assert read_collection(given, known_splits=workspace.splits.known("seen")).collection == carved.collection
    (note,) = read_collection(plain, known_splits=workspace.splits.known("seen")).notes
    assert note.endswith("into 48 train, 16 validation, 16 test (80 of 80 as this workspace split them before).")


def test_validation_that_was_carved_stays_when_training_photos_go(workspace: Workspace, tmp_path: Path) -> None:
    class_folders(tmp_path / "train", {"a": 20, "b": 20})
    class_folders(tmp_path / "test", {"a": 4, "b": 4}, first_seed=50)
    first = read_collection(tmp_path)
    workspace.splits.write(first, "seen")
    held, gone = (image.path for image in first.collection.of_split("validation")[:2])
    Path(gone).unlink()
    second = read_collection(tmp_path, known_splits=workspace.splits.known("seen"))
    assert held in {image.path for image in second.collection.of_split("validation")}
    assert second.notes == (
        "No validation split is given: 7 of 39 training images, chosen within every class by content, became "
        "validation (39 of 39 as this workspace split them before).",
    )


def _all_images(loaded: LoadedCollection) -> list[LabelledImage]:
    return [*loaded.collection.images, *(LabelledImage(**row["image"]) for row in loaded.sealed.rows_for_store())]


def test_the_same_row_written_by_two_processes_is_one_row(workspace: Workspace) -> None:
    rows = [{"regime": "seen", "image_id": str(number), "split": "train"} for number in range(200)]
    other = Workspace(workspace.folder)
    _ = workspace.engine, other.engine

    def write(engine: Engine) -> None:
        for row in rows:
            insert_or_ignore(engine, splits, [row])
            insert_or_replace(engine, splits, [{**row, "regime": "unseen"}])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, (workspace.engine, other.engine)))
    expected = {row["image_id"]: "train" for row in rows}
    assert workspace.splits.known("seen").whole == workspace.splits.known("unseen").whole == expected


@pytest.mark.parametrize("asked", ["nope", "", "2"])
def test_an_unknown_or_ambiguous_run_names_the_known_ones(workspace: Workspace, asked: str) -> None:
    run, _ = workspace.runs.create(spec()), workspace.runs.create(spec())
    with pytest.raises(SetupError, match=run.id):
        workspace.runs.get(asked)


def test_a_spending_is_booked_once(workspace: Workspace) -> None:
    ledger = workspace.ledger
    assert ledger.spend("r", "images", 1, "key-1")
    assert not ledger.spend("r", "images", 1, "key-1")
    assert ledger.spend("other", "images", 1, "key-1")
    assert ledger.spent("r") == {"images": 1.0, "tokens": 0.0, "usd": 0.0, "seconds": 0.0}
    assert ledger.unbooked_references("r", "images", ["key-2", "key-1", "key-3"]) == ["key-2", "key-3"]


def test_the_budget_refuses_what_it_does_not_cover(workspace: Workspace) -> None:
    workspace.ledger.spend("r", "images", 8, "a")
    budget = Budget(images=10, usd=None)
    workspace.ledger.require("r", budget, "images", 2)
    workspace.ledger.require("r", budget, "usd", 1e9)
    with pytest.raises(BudgetExceeded, match="3 images needed, 2 left"):
        workspace.ledger.require("r", budget, "images", 3)


def test_a_receipt_is_filed_once_and_outlives_the_process(workspace: Workspace) -> None:
    workspace.results.add("k", "job", {"answer": 1}, 0.5)
    workspace.results.add("k", "job", {"answer": 2}, 0.5)
    assert Workspace(workspace.folder).results.find("k") == {"answer": 1}
    assert workspace.results.find("other") is None


def test_the_journal_replaces_an_entry_written_twice(workspace: Workspace) -> None:
    for value in (1, 2):
        workspace.journal.write("r", 1, "gaps", {"value": value})
    workspace.journal.write("r", 0, "baseline", Budget(3, rounds=2))
    assert workspace.journal.rounds("r") == {
        0: {"baseline": {"images": 3, "usd": None, "rounds": 2}},
        1: {"gaps": {"value": 2}},
    }


def test_events_nest_and_a_failure_is_marked_and_flies_on(workspace: Workspace) -> None:
    events = workspace.events
    with events.span("r", "planner", "rules", {"round": 1}) as decision:
        decision.output, decision.tokens = {"reason": "because"}, 7
    with pytest.raises(ValueError, match="boom"), events.span("r", "tool", "make", {}, decision.id):
        raise ValueError("boom")
    (root,) = events.tree("r")
    assert (root["name"], root["tokens"], root["output"]) == ("rules", 7, {"reason": "because"})
    (child,) = root["children"]
    assert (child["status"], child["output"]) == ("failed", "ValueError: boom")
    assert child["seconds"] >= 0


def test_candidates_and_verdicts_come_back_as_they_were(workspace: Workspace) -> None:
    cell = Cell("a", "light", "night")
    made = [
        Candidate(f"k{i}", f"/o/{i}.png", "0" * 64, cell, "p", "s", "photometric/1", {"x": i}, i, "p1", 1, 0.1)
        for i in range(3)
    ]
    for candidate in [*made, *made]:
        workspace.candidates.add(candidate)
    assert list(workspace.candidates.find(["k2", "nothing", "k0"]).values()) == [made[2], made[0]]
    verdicts = [Verdict("k0", True, "margin", 0.1, "fine"), Verdict("k1", False, "leak", 1.0, "match")]
    workspace.candidates.judge("r", 1, verdicts)
    workspace.candidates.judge("r", 1, verdicts)
    assert workspace.candidates.filtered("r", 1) == verdicts
    assert workspace.candidates.filtered("r", 2) == []


def test_a_trial_is_kept_once_and_found_by_prefix(workspace: Workspace) -> None:
    trial = Trial("abc123", 1, "finished", "/m/abc123", 10, 2, 3.5)
    workspace.trials.add(trial)
    workspace.trials.add(Trial("abc123", 1, "crashed", "", 10, 2, 3.5, "late"))
    assert workspace.trials.find("abc123") == trial
    assert workspace.trials.matching("abc") == ["abc123"]
    assert workspace.trials.matching("%") == []


def test_a_run_is_worked_on_by_one_process_at_a_time(workspace: Workspace) -> None:
    code = (
        "import sys\nfrom atlantis_core.store.workspace import Workspace\n"
        f"w = Workspace({str(workspace.folder)!r})\n"
        "try:\n    w.lock('r').__enter__()\nexcept Exception as e: print(e)\n"
    )
    with workspace.lock("r"):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "another process" in done.stdout
    with workspace.lock("r"):
        pass


def test_looking_whether_a_run_is_held_neither_makes_its_lock_nor_keeps_it(workspace: Workspace) -> None:
    assert not workspace.is_locked("r")
    assert not (workspace.folder / "runs").exists()
    with workspace.lock("r"):
        assert workspace.is_locked("r")
        assert workspace.is_locked("r")
    assert not workspace.is_locked("r")


def test_a_workspace_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SetupError, match="cannot be used"):
        _ = Workspace(tmp_path / "file" / "w").engine


def test_a_file_that_is_no_database_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "atlantis.db").write_bytes(b"not a database " * 300)
    with pytest.raises(SetupError, match="cannot be used: file is not a database"):
        _ = Workspace(tmp_path).engine


def test_a_workspace_can_be_moved(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    workspace = Workspace(old)
    inside = str(workspace.models / "t1")
    workspace.trials.add(Trial("t1", 1, "finished", inside, 10, 2, 3.5))
    workspace.trials.add(Trial("t2", 1, "crashed", "", 10, 2, 3.5, "diverged"))
    made = Candidate(
        "k", str(workspace.objects / "k.png"), "0", Cell("a"), "p", "s", "photometric/2", {}, 1, "p1", 1, 0.1
    )
    workspace.candidates.add(made)
    workspace.engine.dispose()
    old.rename(new)
    moved = Workspace(new)
    trial, crashed = moved.trials.find("t1"), moved.trials.find("t2")
    assert trial is not None
    assert crashed is not None
    assert trial.path == str(new.resolve() / "models" / "t1")
    assert crashed.path == ""
    assert moved.candidates.find(["k"])["k"].path == str(new.resolve() / "objects" / "k.png")


def test_a_file_in_the_workspaces_way_is_one_clear_error_everywhere(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SetupError, match="cannot be used"):
        Workspace(tmp_path / "file").path("collections")


def test_a_trial_knows_where_it_was_trained(workspace: Workspace) -> None:
    whole = RunSpec("collection", "photos", Goal("g"), Budget())
    part = replace(whole, query=("light", "night"))
    trained = Trial("t", 1, "finished", "", 4, 0, 1.0, origin=TrialOrigin("first", part))
    workspace.trials.add(trained)
    workspace.trials.set_origin(trained, TrialOrigin("second", whole))
    found = workspace.trials.find("t")
    assert found
    assert found.origin == TrialOrigin("second", whole), "the session with all queries tells more"
    workspace.trials.set_origin(found, TrialOrigin("third", whole))
    assert workspace.trials.find("t") == found


def test_a_trial_of_an_older_version_is_found_by_its_first_measurement(workspace: Workspace) -> None:
    origin = TrialOrigin("run", RunSpec("collection", "photos", Goal("g"), Budget()))
    workspace.trials.add(Trial("t", 1, "finished", "", 4, 0, 1.0))
    unknown = workspace.trials.find("t")
    assert unknown
    assert unknown.origin is None
    workspace.results.add(content_hash("measured by", ["t"]), "measured by", as_json(origin), 0.0)
    known = workspace.trials.find("t")
    assert known
    assert known.origin == origin
