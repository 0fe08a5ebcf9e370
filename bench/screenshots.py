"""Screenshots of the web app's pages for the docs: `python bench/screenshots.py WORKSPACE`, into `docs/pictures/`.

WORKSPACE holds a finished run, such as `atlantis demo --workspace WORKSPACE` leaves. Each page is taken at 1280 px in
light and at 390 px in dark colours; the size of every page is checked against that of its window.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from serving import looking, serving

from atlantis_core.store.workspace import Workspace

SIZES = (("wide", 1280, "light"), ("narrow", 390, "dark"))
FOLDER = Path(__file__).resolve().parents[1] / "docs" / "pictures"


def chat(page: Any, _run: Any) -> None:
    """State a goal and open a folded call."""
    page.wait_for_selector("#conversation input")
    page.fill("#line textarea", "night photos of trawlers are not found; you have 60 images and 1 round")
    page.press("#line textarea", "Enter")
    page.wait_for_selector("text=Say yes to start")


def runs(page: Any, _run: Any) -> None:
    """Show what was returned in the worst cell."""
    page.wait_for_selector("table.heat button")
    page.locator("table.heat td:is(.l0, .l1, .l2, .l3) button").first.click()
    page.wait_for_selector(".answers li img")


def gallery(page: Any, _run: Any) -> None:
    """Wait for the nearest real images."""
    page.wait_for_selector(".card .near img[alt^='real:']")


def trace(page: Any, _run: Any) -> None:
    """Open a decision and its call."""
    page.wait_for_selector("#tree details")
    page.locator("#tree > details > summary").nth(6).click()
    page.wait_for_selector("#tree pre")


def search(page: Any, run: Any) -> None:
    """Search with a night photo."""
    images = run["images"]
    page.set_input_files("#image", next(image.path for image in images if "night" in image.facets.values()))
    page.wait_for_selector(".results li img")


PAGES = {"chat": chat, "runs": runs, "gallery": gallery, "trace": trace, "search": search}


def main() -> None:
    """Take all screenshots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--to", type=Path, default=FOLDER)
    given = parser.parse_args()
    given.to.mkdir(parents=True, exist_ok=True)
    store = Workspace(given.workspace)
    run = store.runs.get("last")
    facts = {"id": run.id, "images": store.collections.get(run.spec.collection_id).collection.images}
    with serving(given.workspace, "harbor") as address, looking() as browser:
        for name, width_px, scheme in SIZES:
            page = browser.new_page(viewport={"width": width_px, "height": 860}, color_scheme=scheme)
            page.set_default_timeout(120_000)
            for page_name, ready in PAGES.items():
                page.goto(address if page_name == "chat" else f"{address}/{page_name}?run={run.id}")
                ready(page, facts)
                page.wait_for_timeout(1500)
                over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                assert over <= 0, f"{page_name} is {over} px wider than {width_px} px"
                file = given.to / f"web-{page_name}-{name}.jpg"
                if page_name == "runs" and name == "wide":
                    page.set_viewport_size({"width": width_px, "height": 1500})
                    page.evaluate("window.scrollTo(0, 0)")
                    page.wait_for_timeout(300)
                page.screenshot(path=file, type="jpeg", quality=72)
                page.set_viewport_size({"width": width_px, "height": 860})
            page.close()


if __name__ == "__main__":
    main()
