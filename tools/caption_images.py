"""Tool: caption the images and find facets in the captions."""

from __future__ import annotations

import time

from langchain_core.tools import tool

from atlantis_core.keys import content_key
from atlantis_core.plain import as_json
from atlantis_dml.tools.context import Runtime, answer


@tool
def caption_images(runtime: Runtime) -> object:
    """Describe every image in words. A collection without facets gets facets from the descriptions."""
    session = runtime.context.session
    key = content_key("captions", [session.spec.collection_id, session.spec.captioner])
    if session.workspace.receipts.find(key) is None:
        started = time.monotonic()
        captions = session.captioner.caption(session.collection.images)
        seconds = time.monotonic() - started
        session.workspace.receipts.file(key, "captions", as_json(captions), seconds)
        session.workspace.ledger.spend(session.run_id, "seconds", seconds, f"captions/{key}")
    session.write(0, "captions", {"receipt": key, "captioner": session.spec.captioner})
    session.forget_collection()
    facets = ", ".join(session.collection.facets) or "none"
    text = f"captioned {len(session.collection.images)} images with {session.spec.captioner}; facets: {facets}"
    return answer(runtime, "caption_images", text, {"facets": session.collection.facets})
