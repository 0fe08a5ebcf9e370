"""Parts of pages that a script of ours draws."""

from __future__ import annotations

from typing import Any

import gradio


def add_script_part(module: str, value: str = "", **options: Any) -> Any:
    """Return a part of a page that a script of ours fills: `static/MODULE.js` exports `start(element, watch)`."""
    return gradio.HTML(
        value,
        html_template='<div class="atlantis"><noscript>This page needs JavaScript.</noscript></div>',
        js_on_load=f"import('/own/{module}.js').then((own) => own.start(element, props, watch));",
        apply_default_css=False,
        padding=False,
        **options,
    )
