"""Tool: write the prompts of the drafted protocol."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from langchain_core.tools import tool

from atlantis_core.base.errors import ToolError
from atlantis_core.base.plural import count_noun
from atlantis_core.data.facets import facet_value_lists
from atlantis_core.prompting.prompt_selection import count_value_mentions
from atlantis_core.run.approval import hash_protocol
from atlantis_core.run.capabilities import describe_generator, describe_prompt_words
from atlantis_core.run.family_words import add_family_words, describe_choices
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.responses import read_responses
from atlantis_dml.tools.context import PromptFacts, Runtime, answer_call, find_diagnosing
from atlantis_dml.tools.steps import Step, needs_prompts

STEPS = (Step(80, "write_prompts", "Varied prompts give varied images.", is_needed=needs_prompts),)
WORDS = "prompt prompts word worded wrote"


@tool
def write_prompts(runtime: Runtime) -> object:
    """Write varied prompts for every cell of the drafted protocol."""
    context, round_index = runtime.context, runtime.state["round"]
    session = context.session
    protocol = session.read(round_index, JournalKind.PROTOCOL)
    if protocol is None:
        raise ToolError("there is no protocol yet; draft one first")
    collection = session.collection
    classes = tuple(sorted({image.label for image in collection.of_split("train")}))
    insights = (session.read(index, JournalKind.INSIGHT) for index in range(round_index, 0, -1))
    domain = next((found.domain for found in insights if found), "")
    said = tuple(filter(None, (response.words for response in read_responses(session, round_index))))
    shows = describe_generator(session.spec.generator)
    facts = PromptFacts(classes, facet_value_lists(collection), domain, shows, said)
    written = context.prompt_writer.write(protocol, facts)
    pairs = zip(protocol.cells, written, strict=True)
    cells = tuple(replace(request, prompts=prompts) for request, prompts in pairs)
    found = add_family_words(session, replace(protocol, cells=cells), partial(find_diagnosing, runtime))
    protocol, cells = replace(protocol, cells=found.cells), found.cells
    session.write(round_index, JournalKind.PROTOCOL, protocol)
    prompts = [prompt for request in cells for prompt in request.prompts]
    named = count_value_mentions(prompts, facet_value_lists(collection))
    text = f"{count_noun(len(prompts), 'prompt')} for {count_noun(len(cells), 'cell')}, such as: {prompts[0]!r}"
    tried, understood = describe_choices(found.choices), describe_prompt_words(session, protocol)
    record = {"facets_named": named, "cells": cells, "edits_tried": found.choices, "understood": understood}
    text = ". ".join(filter(None, (text, tried, understood)))
    return answer_call(runtime, "write_prompts", text, record, protocol=hash_protocol(protocol))
