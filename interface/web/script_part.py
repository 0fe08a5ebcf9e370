"""A part of a Gradio page that one of our own scripts draws."""

from __future__ import annotations

from typing import Any

import gradio


def add_script_part(module: str, value: str = "", **options: Any) -> Any:
    """Add a part to the page; `static/MODULE.js` fills it and exports `start(element, props, watch)`."""
    return gradio.HTML(
        value,
        html_template='<div class="atlantis"><noscript>This page needs JavaScript.</noscript></div>',
        js_on_load=f"import('/own/{module}.js').then((own) => own.start(element, props, watch));",
        apply_default_css=False,
        padding=False,
        **options,
    )
