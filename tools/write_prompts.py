"""Tool: write the prompts of the drafted protocol."""

from __future__ import annotations

from dataclasses import replace

from langchain_core.tools import tool

from atlantis_core.base.errors import ToolError
from atlantis_core.base.plural import counted
from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.data.facets import known_values
from atlantis_core.prompting.choosing import facet_coverage
from atlantis_core.records import Protocol
from atlantis_dml.tools.context import PromptFacts, Runtime, answer


@tool
def write_prompts(runtime: Runtime) -> object:
    """Write varied prompts for every cell of the drafted protocol."""
    context, round_index = runtime.context, runtime.state["round"]
    if not runtime.state.get("protocol"):
        raise ToolError("there is no protocol yet; draft one first")
    protocol = from_json(Protocol, runtime.state["protocol"])
    collection = context.session.collection
    classes = tuple(sorted({image.label for image in collection.of_split("train")}))
    insights = (context.session.read(index, "insight") for index in range(round_index, 0, -1))
    domain = next((found["domain"] for found in insights if found), "")
    written = context.prompt_writer.write(protocol, PromptFacts(classes, known_values(collection), domain))
    pairs = zip(protocol.cells, written, strict=True)
    cells = tuple(replace(request, prompts=prompts) for request, prompts in pairs)
    protocol = replace(protocol, cells=cells)
    context.session.write(round_index, "protocol", protocol)
    prompts = [prompt for request in cells for prompt in request.prompts]
    named = facet_coverage(prompts, known_values(collection))
    text = f"{counted(len(prompts), 'prompt')} for {counted(len(cells), 'cell')}, such as: {prompts[0]!r}"
    return answer(runtime, "write_prompts", text, {"facets_named": named, "cells": cells}, protocol=as_json(protocol))
