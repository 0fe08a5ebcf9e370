"""The web app as a person uses it, in headless Chromium: goal, approval, round, gallery, trace, search."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import CHROMIUM, looking, serving

import atlantis_dml
from atlantis_core.records import Verdict
from atlantis_core.store.workspace import Workspace

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt-get install chromium"),
]

QUICK = ("harbor-tiny", "--preset", "smoke", "--backbone", "harbor-student", "--seeds", "1")
GOAL = "night photos of trawlers are not found; you have 12 images and 1 round"
PATIENCE_MS = 60_000

# Notes when each message of the chat is first seen, in seconds since the epoch.
WATCH = """() => {
  window.seen = {};
  const look = () => {
    const text = document.querySelector('#talk').innerText;
    for (const name of ['dataset_statistics', 'train_retriever', 'evaluate_retrieval', 'find_gaps', 'draft_protocol'])
      if (text.includes(name + '(') && !(name in window.seen)) window.seen[name] = Date.now() / 1000;
  };
  const all = { subtree: true, childList: true, characterData: true };
  new MutationObserver(look).observe(document.querySelector('#talk'), all);
}"""

# How much wider a field's hint is than the field.
HINT_CUT_PX = """node => {
  const style = getComputedStyle(node), pen = document.createElement('canvas').getContext('2d');
  pen.font = style.font;
  return pen.measureText(node.placeholder).width - (node.clientWidth - 2 * parseFloat(style.paddingLeft));
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("served") / "workspace"
    with serving(folder, *QUICK) as address:
        yield address, folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with looking() as found:
        yield found


@pytest.fixture
def page(browser: Any, server: tuple[str, Path]) -> Iterator[Any]:
    """A page that must not complain, nor ask any other machine."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    complaints: list[str] = []
    asked: set[str] = set()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request", lambda request: asked.add(request.url.split("/")[2]) if request.url.startswith("http") else None
    )
    yield page
    context.close()
    assert complaints == []
    assert asked <= {server[0].removeprefix("http://"), ""}  # blob: and data: have no host


def _say(page: Any, words: str) -> None:
    page.fill("#line textarea", words)
    page.press("#line textarea", "Enter")


def _talk(page: Any) -> list[str]:
    """Return the lines of the transcript but how long calls took: Gradio may add that a moment later."""
    lines = page.locator("#talk").inner_text().splitlines()
    return [line for line in lines if not re.fullmatch(r"\(?[\d.]+m?s\)?", line.strip())]


def test_a_goal_becomes_a_judged_round_in_the_chat(page: Any, browser: Any, server: tuple[str, Path]) -> None:
    address, folder = server
    page.goto(address)
    page.wait_for_selector("#conversation input")
    page.wait_for_selector("#talk")
    page.evaluate(WATCH)
    _say(page, GOAL)
    page.wait_for_selector("text=Say yes to start")
    _say(page, "yes")
    page.wait_for_selector("#approve")
    assert re.search(r"[a-z0-9]\. Expected gain on these cells: ", page.text_content(".approval") or ""), (
        "two sentences"
    )

    # Every step is seen within a second of its happening.
    (run,) = Workspace(folder).runs.all()
    events = [child for step in Workspace(folder).events.tree(run.id) for child in step["children"]]
    happened = {event["name"]: event["started"] for event in reversed(events)}
    seen = page.evaluate("window.seen")
    assert {name for name in happened if name in seen} >= {"train_retriever", "find_gaps", "draft_protocol"}
    late = {name: seen[name] - happened[name] for name in seen}
    assert max(late.values()) < 1.0, late

    # Words go to the drafter, and the form comes back with what it made of them.
    assert "of the prompts" in (page.text_content(".approval") or "")
    page.fill("#reason", "weniger Nebel, bitte")
    page.click("#respond")
    page.wait_for_selector(".approval:has-text('Drafted again, as you answered: weniger Nebel, bitte')")
    assert Workspace(folder).ledger.spent(run.id)["images"] == 0

    # A second browser sees the same; its answer comes too late, and it learns which one counted, for good.
    other = browser.new_page()
    other.goto(f"{address}/?chat={run.spec.beside}")
    other.wait_for_selector("#approve")
    count, second = page.locator(".approval input[type=number]").all()
    asked = int(count.input_value())
    count.fill("1")
    second.fill("0")
    page.wait_for_selector("#total:text-is('1 image')")
    second.fill(str(asked))
    count.fill(str(asked - 3))
    page.wait_for_selector(f"text={2 * asked - 3} images")
    page.press("#approve", "Enter")
    page.wait_for_function("document.activeElement.innerText === 'Approved.'")  # the keyboard goes on from there
    other.evaluate("document.querySelector('.approval').requestSubmit()")
    page.wait_for_selector("#status [data-status=done]")
    page.wait_for_selector("text=critique of round 1")
    other.wait_for_selector("#status [data-status=done]")
    assert "round 1 is" in other.locator("#talk").inner_text()
    counted = f"approved in the web form, changed: {2 * asked - 3} images instead of {2 * asked}"
    assert f"Another window answered first: {counted}" in other.locator("#approval").inner_text()
    assert counted.capitalize() in other.locator("#talk").inner_text()
    other.close()

    protocol = Workspace(folder).journal.read(run.id, 1, "protocol")
    assert protocol is not None
    assert sum(cell["count"] for cell in protocol["cells"]) == 2 * asked - 3

    # A reload shows the same conversation.
    before = _talk(page)
    page.reload()
    page.wait_for_selector("text=critique of round 1")
    after = _talk(page)
    assert len(after) > 20
    assert set(after) <= set(before)  # a call that was seen while it worked stays unfolded there


def test_an_image_is_rejected_in_the_gallery_and_leads_to_its_step(page: Any, server: tuple[str, Path]) -> None:
    address, folder = server
    (run,) = Workspace(folder).runs.all()
    page.goto(f"{address}/gallery?run={run.id}&status=kept")
    page.wait_for_selector(".card img")
    card = page.locator(".card").first
    key = card.get_attribute("data-key")
    card.focus()
    page.keyboard.press("r")
    page.wait_for_selector(f".card[data-key='{key}'].rejected.hand")
    assert Workspace(folder).candidates.by_hand(run.id, 1) == {key: False}
    page.wait_for_selector(f".card[data-key='{key}'] .near img[alt^='real:']")
    page.select_option("#filter-status", "rejected")
    page.wait_for_selector(f".card[data-key='{key}']")
    page.click(f".card[data-key='{key}'] a")
    page.wait_for_selector("details.wanted pre")
    assert "generate_images" in page.locator("details.wanted > summary").inner_text()
    facts = page.locator("details.wanted .made")
    assert f"seed {Workspace(folder).candidates.find([key])[key].seed}" in facts.inner_text()
    assert "rejected by hand" in facts.inner_text()
    assert facts.locator("img[alt='the real source image']").evaluate("node => node.naturalWidth") > 0
    step = page.locator("details.wanted").get_attribute("data-id")
    page.goto(f"{address}/trace?run={run.id}&words={key[:8]}")
    page.wait_for_selector(f"#event-{step} > summary.hit")
    assert page.locator("#tree .hit").count() == 2  # and the word of the person who rejected it


def test_what_matches_a_held_out_image_cannot_be_kept_by_key_or_button(page: Any, server: tuple[str, Path]) -> None:
    address, folder = server
    store, (run,) = Workspace(folder).candidates, Workspace(folder).runs.all()
    key = next(verdict.candidate_key for verdict in store.filtered(run.id, 1) if verdict.kept)
    with Workspace(folder).events.span(run.id, "tool", "score_outliers", {}):
        store.judge(run.id, 1, [Verdict(key, False, "leak_guard", 1.0, "it matches a held-out image")])
    page.goto(f"{address}/gallery?run={run.id}&filter=leak_guard")
    card = page.locator(f".card[data-key='{key}']")
    card.press("k")
    page.wait_for_selector("text=cannot be kept: it matches a held-out image")
    assert card.locator("button").count() == 0
    card.press("r")  # it is rejected already
    assert key not in store.by_hand(run.id, 1)


def test_the_run_shows_what_was_returned_in_a_cell(page: Any, server: tuple[str, Path]) -> None:
    page.goto(f"{server[0]}/runs")
    page.wait_for_selector("table.heat button")
    page.locator("table.heat button[data-value=night]").last.press("Enter")
    page.wait_for_selector(".answers li img")
    assert page.locator("#cell h3").evaluate("node => node === document.activeElement")


def test_the_trace_is_searched_while_one_types(page: Any, server: tuple[str, Path]) -> None:
    page.goto(f"{server[0]}/trace")
    page.wait_for_selector("#tree details")
    status = page.locator(".trace [role=status]")
    page.locator("#words").press_sequentially("Spend this round")
    assert status.inner_text() == "Searching for “Spend this round” ..."
    page.wait_for_selector("#tree .hit")
    workspace = Workspace(server[1])
    (run,) = workspace.runs.all()
    decisions = workspace.events.of_kind(run.id, "planner")
    drafts = sum("Spend this round" in str(one["output"]) for one in decisions)  # it is drafted again in a test above
    assert drafts >= 1
    assert status.inner_text() == f"{drafts} step{'s' if drafts > 1 else ''} with “Spend this round”"
    assert page.locator("#tree > details").count() == drafts
    page.fill("#words", "no such word")
    page.wait_for_selector("text=0 steps with “no such word”")


def test_an_address_of_what_is_not_there_says_so(page: Any, server: tuple[str, Path]) -> None:
    address, folder = server
    (run,) = Workspace(folder).runs.all()
    page.goto(f"{address}/trace?run=<b>nowhere&event=999999")
    page.wait_for_selector("text=There is no run “<b>nowhere” here; showing the newest run.")
    page.wait_for_selector("text=Event 999999 is not in this trace.")
    page.goto(f"{address}/gallery?run={run.id}&status=lost")
    page.wait_for_selector("text=unknown status 'lost'; known: kept, rejected, undecided")
    page.select_option("#filter-status", "kept")
    page.wait_for_selector(".card")
    assert page.locator(".problem").count() == 0
    page.goto(f"{address}/?chat=nowhere")
    page.wait_for_selector("text=no conversation with this name here")


def test_a_server_ends_quietly_under_an_open_page(browser: Any, tmp_path: Path) -> None:
    with serving(tmp_path / "workspace", *QUICK) as address:  # it looks at what the server said
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector("#talk")
        page.wait_for_timeout(1000)
    page.close()


def test_gradio_takes_no_file(server: tuple[str, Path]) -> None:
    for path in ("upload", "upload/", "process_recording"):
        answer = httpx.post(f"{server[0]}/gradio_api/{path}", files={"files": b"abc"}, follow_redirects=True)
        assert answer.status_code == 404
        assert "files are not accepted here" in answer.json()["error"]


def test_an_image_finds_similar_images_and_other_files_are_refused(
    page: Any, server: tuple[str, Path], tmp_path: Path
) -> None:
    address, folder = server
    (run,) = Workspace(folder).runs.all()
    image = Workspace(folder).collections.get(run.spec.collection_id).collection.images[0]
    atlantis_dml.index("harbor-student", "harbor-tiny", name="boats", workspace=folder)
    page.goto(f"{address}/search")
    page.wait_for_selector("#index")
    page.set_input_files("#image", image.path)
    page.wait_for_selector(".sides li")
    assert page.locator(".sides h2").all_inner_texts() == ["Baseline (also the final model: no round was kept)"]
    assert image.label in page.locator(".results li").first.inner_text()
    page.locator(".results li button").first.press("Enter")
    page.wait_for_selector("text=select an image to search with it")
    assert page.evaluate("document.activeElement.role") == "status"  # the keyboard goes on from there
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"text")
    page.set_input_files("#image", str(bad))
    page.wait_for_selector(".problem:has-text('bad.png')")
    page.select_option("#index", "boats")
    page.set_input_files("#image", image.path)
    page.wait_for_selector("text=in boats")
    assert image.label in page.locator(".results li").first.inner_text()
    page.select_option(".filters select[name=condition]", "night")
    page.wait_for_function(
        "[...document.querySelectorAll('.results p')].every((p) => p.innerText.includes('condition=night'))"
    )
    page.wait_for_selector(".results li")
    page.fill("#text", "a boat at night")
    page.press("#text", "Enter")
    page.wait_for_selector("text=cannot be searched with text")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width_px", [1280, 390])
def test_no_page_overflows(browser: Any, server: tuple[str, Path], width_px: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width_px, "height": 800}, color_scheme=scheme)
    ready = {"": "#talk", "runs": "table.heat", "gallery": ".card", "trace": "#tree details", "search": "#image"}
    for path, selector in ready.items():
        page.goto(f"{server[0]}/{path}")
        page.wait_for_selector(selector, timeout=PATIENCE_MS)
        time.sleep(0.3)
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, path
        assert path != "trace" or page.locator("#words").evaluate(HINT_CUT_PX) <= 0
    page.close()


def test_what_is_said_is_text_and_fetches_nothing(page: Any, server: tuple[str, Path]) -> None:
    page.goto(server[0])
    page.wait_for_selector("#conversation input")
    _say(page, "note: <img src='http://evil.example/leak.png'> <form action='http://evil.example'><b>bold</b>")
    page.wait_for_selector("text=<img src='http://evil.example/leak.png'>")
    page.wait_for_timeout(1000)  # the page's fixture knows whom it asked
    assert page.locator("#talk :is(img[src*=evil], form, b)").count() == 0


def test_a_new_conversation_has_an_address_of_its_own_and_an_example_to_begin_with(
    page: Any, server: tuple[str, Path]
) -> None:
    page.goto(server[0])
    page.wait_for_selector("#conversation input")
    page.wait_for_url("**/?chat=chat-*")
    before = page.url
    page.click("#new")
    page.wait_for_url(lambda address: "?chat=chat-" in address and address != before)
    named = page.url.partition("chat-")[2]
    page.wait_for_function("name => document.querySelector('#conversation input')?.value == name", arg=named)
    page.click("#talk button.example >> nth=0")
    page.wait_for_selector("text=Say yes to start")
    assert page.locator("text=There is no conversation").count() == 0
