"""The pages: one Gradio app with a page each for chat, runs, gallery, trace and search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atlantis_dml.web.site import Site

TITLE = "ATLANTIS"


def make_pages(site: Site) -> Any:
    """Return the Gradio app; the pages but the chat draw themselves from the data routes."""
    import gradio

    from atlantis_dml.web.chat_page import fill_chat_page

    with gradio.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as pages:
        fill_chat_page(site)
    for name, path in (("Runs", "runs"), ("Gallery", "gallery"), ("Trace", "trace"), ("Search", "search")):
        with pages.route(name, f"/{path}"):
            drawn_by(path)
    return pages


def drawn_by(module: str, value: str = "", **options: Any) -> Any:
    """Return a part of a page that a script of ours fills: `static/MODULE.js` exports `start(element, watch)`."""
    import gradio

    return gradio.HTML(
        value,
        html_template='<div class="atlantis"><noscript>This page needs JavaScript.</noscript></div>',
        js_on_load=f"import('/own/{module}.js').then((own) => own.start(element, props, watch));",
        apply_default_css=False,
        padding=False,
        **options,
    )
