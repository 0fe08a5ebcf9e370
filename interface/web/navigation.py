"""The Gradio app: a page each for chat, runs, gallery, trace, search and label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio

from atlantis_dml.web.pages.chat import fill_chat_page
from atlantis_dml.web.script_part import add_script_part

if TYPE_CHECKING:
    from atlantis_dml.web.site import Site

TITLE = "ATLANTIS"
MAIN = "Chat"


def make_pages(site: Site) -> Any:
    """Return the Gradio app. All pages but the chat are drawn by their scripts from the data routes."""
    with gradio.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as pages:
        gradio.components.Navbar(main_page_name=MAIN)
        fill_chat_page(site, pages)
    for path in ("runs", "gallery", "trace", "search", "label"):
        with pages.route(path.title(), f"/{path}"):
            gradio.components.Navbar(main_page_name=MAIN)
            add_script_part(path)
    return pages
