from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from atlantis_core.records import Cell, Comparison, GapGroup, GroupGain, Measurement, Offer, Pilot
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.manual_overrides import override_verdicts
from atlantis_core.run.memory import write_memory
from atlantis_core.run.session import Session
from atlantis_core.run.summary import summarise
from atlantis_dml.cli.main import main
from atlantis_dml.report.markdown import render_markdown
from atlantis_dml.report.report import collect_facts, render_report, write_report
from atlantis_dml.report.thumbnails import embed_thumbnail
from tests.interface.conftest import HOSTILE, Fabricated, begin


class _Page(HTMLParser):
    """What a browser would see: tags, and the addresses it would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "xlink:href", "data"}]


def _page(fabricated: Fabricated) -> tuple[str, _Page]:
    summary = write_report(fabricated.workspace, fabricated.run_id)
    text = Path(summary["report_path"]).read_text(encoding="utf-8")
    parsed = _Page()
    parsed.feed(text)
    return text, parsed


def test_a_class_name_with_markup_stays_text(fabricated: Fabricated) -> None:
    text, page = _page(fabricated)
    assert "script" not in page.tags
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_the_page_fetches_nothing(fabricated: Fabricated) -> None:
    text, page = _page(fabricated)
    fetched = [address for address in page.addresses if not address.startswith("#")]
    assert fetched, "the sample sheets hold images"
    assert all(address.startswith("data:image/jpeg;base64,") for address in fetched)
    assert not re.search(r"url\(|@import|https?://", text)


def test_sheets_show_synthetic_images_beside_their_source_with_the_reason(fabricated: Fabricated) -> None:
    text, page = _page(fabricated)
    assert page.tags.count("img") == 2 * 2 * 4, "two rounds, four candidates, each beside its source"
    assert "Kept: 3 of 3" in text
    assert "Rejected: 1 of 1" in text


def test_a_report_is_written_without_waiting_for_torch(fabricated: Fabricated) -> None:
    code = (
        "import sys\n"
        "from atlantis_dml.cli.main import main\n"
        f"code = main(['report', {fabricated.run_id!r}, '--workspace', {str(fabricated.workspace.folder)!r}])\n"
        "print([name for name in ('torch', 'timm', 'scipy.stats') if name in sys.modules], code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[] 0\n"), done.stderr


def test_the_trace_line_can_be_pasted_wherever_the_workspace_is(
    fabricated: Fabricated, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(fabricated.workspace.folder)
    for usual, more in ((folder, []), (f"{folder}-usual", ["--workspace", folder])):
        monkeypatch.setenv("ATLANTIS_WORKSPACE", usual)
        assert main(["report", "last", "--workspace", folder]) == 0
        line = capsys.readouterr().out.splitlines()[-1]
        words = shlex.split(line.removeprefix("Trace:"))
        assert words == ["atlantis", "trace", fabricated.run_id, *more]
        assert main(words[1:]) == 0
        capsys.readouterr()


def test_the_headline_is_the_gain_over_the_baseline(fabricated: Fabricated) -> None:
    text, _ = _page(fabricated)
    assert re.search(r"<h1>R@1 rose from 0\.500 to 0\.833 over 24 held-out queries: \+33\.3 points", text)
    assert "1 of 2 rounds kept" in text


def test_kept_and_rolled_back_rounds_are_told_apart_in_the_chart(fabricated: Fabricated) -> None:
    text, _ = _page(fabricated)
    charts = text.split("<svg")[1:]
    assert len(charts) == 2
    assert all(chart.count('<g class="kept">') == 1 for chart in charts)
    assert all(chart.count('<g class="rolled-back">') == 1 for chart in charts)


def test_report_json_is_the_summary(fabricated: Fabricated) -> None:
    summary = write_report(fabricated.workspace, fabricated.run_id)
    written = json.loads(Path(summary["report_path"]).with_suffix(".json").read_text(encoding="utf-8"))
    assert written == summary


def test_terminal_and_reports_show_what_each_remedy_gave_on_each_group_of_gaps(
    fabricated: Fabricated, capsys: pytest.CaptureFixture[str]
) -> None:
    session = Session(fabricated.workspace, fabricated.run_id, fabricated.workspace.runs.get("last").spec)
    night, day = (GapGroup("light", value, "scarce", (Cell(HOSTILE, "light", value),)) for value in ("night", "day"))
    gain, loss = (Comparison(0.5, 0.5 + by, by, by - 0.02, by + 0.02, 0.01, 6, 1) for by in (0.1, -0.03))
    offer = Offer("generate", "edits", makes_images=True, trainings=1)
    groups = (GroupGain(night, gain, 8, 5), GroupGain(day, loss, 0, 0))
    session.write(1, JournalKind.PILOTS, (Pilot(offer, night.cells, gain, gain, 8, 5, 2.0, groups=groups),))
    text, _ = _page(fabricated)
    facts = collect_facts(session, summarise(session.workspace, session.run_id))
    (pilot,) = facts["rounds"][0]["pilots"]
    assert [(group["name"], group["gain"], group["images"]) for group in pilot["groups"]] == [
        ("light=night, scarce", 0.1, 8),
        ("light=day, scarce", -0.03, 0),
    ]
    assert main(["report", "last", "--workspace", str(fabricated.workspace.folder)]) == 0
    for shown in (text, render_markdown(facts, ()), capsys.readouterr().out):
        assert "+10.0 (+8.0 to +12.0), 5 of 8 images" in shown.replace("\\", "")
        assert "-3.0 (-5.0 to -1.0)" in shown.replace("\\", "")


def test_the_report_lists_what_earlier_runs_on_the_same_collection_found(fabricated: Fabricated) -> None:
    workspace = fabricated.workspace
    run = workspace.runs.create(workspace.runs.get(fabricated.run_id).spec)
    session = Session(workspace, run.id, run.spec)
    said = write_memory(session)
    assert "1 earlier run on the same collection, task and recipe (2 rounds, 0 pilots) helps to choose" in said
    with workspace.lock(run.id):
        summary = write_report(workspace, run.id)
    assert summary["memory"]["sentence"] == said
    text = Path(summary["report_path"]).read_text(encoding="utf-8")
    for shown in (text, render_markdown(collect_facts(session, summary), ())):
        assert "What earlier runs found" in shown
        assert shown.count(fabricated.run_id) == 2, "one row for each judged round"
        assert "no second proof" in shown


def test_a_run_that_has_only_begun_has_a_report(tmp_path: Path) -> None:
    session = begin(tmp_path)
    with session.workspace.lock(session.run_id):
        summary = write_report(session.workspace, session.run_id)
    text = Path(summary["report_path"]).read_text(encoding="utf-8")
    assert "Not finished. The run is still running." in text
    assert "<svg" not in text


def test_a_made_image_that_is_gone_leaves_a_note(fabricated: Fabricated) -> None:
    for path in fabricated.workspace.objects.iterdir():
        path.unlink()
    text, _ = _page(fabricated)
    assert text.count("file gone") == 8


@pytest.mark.parametrize("content", [b"", b"no image"])
def test_a_damaged_file_has_no_thumbnail(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    assert embed_thumbnail(str(tmp_path / "a.png"), 96) is None


def test_hands_after_a_round_was_measured_stand_beside_its_figures(
    fabricated: Fabricated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = fabricated.workspace.runs.get("last")
    session = Session(fabricated.workspace, run.id, run.spec)
    keys = session.read(1, JournalKind.CANDIDATES) or ()
    override_verdicts(session, keys[1:3], kept=False)
    override_verdicts(session, keys[:1], kept=True)
    where = ["--workspace", str(fabricated.workspace.folder)]
    assert main(["report", "last", "--out", str(tmp_path / "report.md"), *where]) == 0
    changed = "2 taken out and 1 put in by hand after it was measured"
    printed = capsys.readouterr().out
    assert "4/3/1" in printed
    assert f"Images of round 1: {changed}" in printed
    text, _ = _page(fabricated)
    assert f"Verdict: proven. Images: {changed}." in text
    assert text.count("after it was measured") == 1, "nobody touched round 2"
    assert "Kept: 3 of 3" in text
    markdown = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "4 / 3 / 1" in markdown
    assert f"Verdict: proven. Images: {changed}." in markdown


def test_a_round_whose_images_were_not_searched_for_crops_says_so(fabricated: Fabricated) -> None:
    line = "crops of validation and test images were not searched for"
    assert line not in _page(fabricated)[0]
    run = fabricated.workspace.runs.get(fabricated.run_id)
    session = Session(fabricated.workspace, run.id, run.spec)
    session.write(1, JournalKind.CROPS_SEARCHED, False)
    assert line in _page(fabricated)[0]
    facts = collect_facts(session, summarise(fabricated.workspace, fabricated.run_id))
    assert line in render_markdown(facts, [])


def test_one_seed_is_told_as_one(fabricated: Fabricated) -> None:
    run = fabricated.workspace.runs.get("last")
    session = Session(fabricated.workspace, run.id, run.spec)
    summary = summarise(fabricated.workspace, run.id) | {"seeds": 1, "gap_maps": []}
    facts = collect_facts(session, summary)
    assert "the same queries and 1 seed." in render_markdown(facts, [])
    assert "the same queries and 1 seed proves" in render_report(session, facts, [])


def test_the_summary_has_the_promised_keys(fabricated: Fabricated) -> None:
    found = summarise(fabricated.workspace, "last")
    assert found["run_id"] == fabricated.run_id
    assert found["stop_reason"] == "budget_spent"
    assert found["final"]["recall_at"]["1"] == pytest.approx(20 / 24)
    assert found["baseline"]["recall_at"]["1"] == pytest.approx(0.5)
    assert found["frozen"]["map_at_r"] == pytest.approx(10 / 48)
    assert found["spent"] == {"images": 8, "tokens": 0, "usd": 0.0, "seconds": 0.0}
    first, second = found["rounds"]
    assert (first["index"], first["kept"], first["seeds"], first["queries"]) == (1, True, 2, 24)
    images = {"made": 4, "kept": 3, "rejected": 1, "rejected_by": {"margin": 1}}
    assert first["images"] == images | {"taken_out_since": 0, "put_in_since": 0}
    assert first["recall_at_1"]["gain"] == pytest.approx(8 / 24)
    assert first["gap_recall_at_1"].keys() >= {"before", "after", "gain", "low", "high"}
    assert first["seconds"] >= 0.01
    assert second["kept"] is False


def test_gaps_are_measured_before_and_after_on_the_judging_seeds(fabricated: Fabricated) -> None:
    rows = {(row["class"], row["value"]): row for row in summarise(fabricated.workspace, "last")["gaps"]}
    # Queries come in the order tug/day, tug/night, hostile/day, hostile/night; the models miss the first ones.
    assert (rows["tug", "day"]["before"], rows["tug", "day"]["after"]) == (0.0, pytest.approx(2 / 6))
    assert rows["tug", "day"]["targeted"] == []
    assert (rows[HOSTILE, "night"]["before"], rows[HOSTILE, "night"]["after"]) == (1.0, 1.0)
    assert rows[HOSTILE, "night"]["targeted"] == [1, 2]


def test_the_summary_of_a_begun_run_holds_nothing_it_does_not_know(tmp_path: Path) -> None:
    session = begin(tmp_path)
    found = summarise(session.workspace, session.run_id)
    assert (found["rounds"], found["final"], found["baseline"], found["gaps"]) == ([], None, None, [])
    assert found["stop_reason"] == "stopped"


def test_where_nothing_was_kept_the_final_model_is_the_baseline_and_no_interval_is_claimed(
    fabricated: Fabricated,
) -> None:
    journal = fabricated.workspace.journal
    arms = journal.read(fabricated.run_id, 0, "final_arms")
    assert arms is not None
    journal.write(fabricated.run_id, 0, "final_arms", arms | {"incumbent": arms["baseline"]})
    found = summarise(fabricated.workspace, "last")
    assert (found["over_baseline"]["low"], found["over_baseline"]["high"]) == (0.0, 0.0)
    text, _ = _page(fabricated)
    assert "the same model" in text


def test_the_page_maps_every_cell_before_and_after(fabricated: Fabricated) -> None:
    text, page = _page(fabricated)
    (table,) = re.findall(r'<table class="heat".*?</table>', text, re.DOTALL)
    assert re.findall(r'scope="col">(.*?)</th>', table) == ["Class", "day", "night"]
    assert re.findall(r'scope="row">(.*?)</th>', table)[0].startswith("&lt;script"), "targeted classes come first"
    # Queries come in the order tug/day, tug/night, hostile/day, hostile/night; the models miss the first ones.
    figures = re.findall(r"before </span>(.*?)</span>\s*<span[^>]*><span[^>]*>after </span>(.*?)</span>", table)
    assert figures == [("1.00", "1.00"), ("1.00", "1.00"), ("0.00", "0.33"), ("0.00", "1.00")]
    assert table.count("square targeted thin") == 1
    assert table.count("6<span") == 4, "queries of each cell"
    assert all(f'id="{address[1:]}"' in text for address in page.addresses if address.startswith("#"))


def test_a_facet_that_no_gap_names_is_not_mapped_before_one_that_does(fabricated: Fabricated) -> None:
    summary = write_report(fabricated.workspace, fabricated.run_id)
    assert [found["facet"] for found in summary["gap_maps"]] == ["light"]


def test_the_markdown_keeps_hostile_names_as_text(fabricated: Fabricated) -> None:
    summary = write_report(fabricated.workspace, fabricated.run_id)
    text = Path(summary["report_path"]).with_suffix(".md").read_text(encoding="utf-8")
    fence = text.index("```sh")
    assert not re.search(r"(?<!\\)<", text[:fence]), "no mark that is not escaped"
    assert r"\<script\>alert(1)\</script\>, light=night" in text
    assert "| **_1.00 \u2192 1.00_** (6) |" in text
    assert "](" not in text, "no image, no link"
    assert "Recall@1 on validation" in text


def test_a_copy_to_send_is_what_the_run_folder_holds(
    fabricated: Fabricated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--workspace", str(fabricated.workspace.folder)]
    for kind in ("html", "md", "json"):
        out = tmp_path / f"copy.{kind}"
        assert main(["report", "last", "--out", str(out), *where]) == 0
        kept = fabricated.workspace.folder / "runs" / fabricated.run_id / f"report.{kind}"
        assert out.read_bytes() == kept.read_bytes()
    capsys.readouterr()
    assert main(["report", "last", "--out", str(tmp_path / "copy.html"), *where]) == 2
    assert "already exists" in capsys.readouterr().err
    assert main(["report", "last", "--out", str(tmp_path / "copy.pdf"), *where]) == 2


@pytest.mark.parametrize("out", ["/proc/copy.html", f"{'x' * 300}.html"])
def test_a_copy_that_cannot_be_written_is_told_before_the_report_is_drawn(
    fabricated: Fabricated, capsys: pytest.CaptureFixture[str], out: str
) -> None:
    folder = fabricated.workspace.folder
    assert main(["report", "last", "--out", out, "--workspace", str(folder)]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert not list(folder.glob("runs/*/report.html"))


def test_a_person_with_a_narrow_screen_needs_no_sideways_scrolling_and_the_keyboard_reaches_all(
    fabricated: Fabricated,
) -> None:
    text, page = _page(fabricated)
    assert page.tags.count("table") >= 4
    assert text.count('class="scroll"') == text.count('class="scroll" tabindex="0" role="region"')
    assert "@media screen and (max-width: 860px)" in text
    assert "@media print" in text


def test_figures_measured_before_a_metric_was_added_are_reported_without_it(tmp_path: Path) -> None:
    session = begin(tmp_path)
    session.write(0, JournalKind.FROZEN, Measurement({1: 0.5}, {"map_at_r": 0.25}, 24, 0, {}, {}))
    frozen = write_report(session.workspace, session.run_id)["frozen"]
    assert frozen == {"recall_at": {"1": 0.5}, "map_at_r": 0.25, "queries": 24, "left_out": 0}
