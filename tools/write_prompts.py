"""Tool: write the prompts of the drafted protocol."""

from __future__ import annotations

from dataclasses import replace

from langchain_core.tools import tool

from atlantis_core.errors import ToolError
from atlantis_core.plain import as_json, from_json
from atlantis_core.records import Protocol
from atlantis_dml.tools.context import Runtime, answer


@tool
def write_prompts(runtime: Runtime) -> object:
    """Write varied prompts for every cell of the drafted protocol."""
    context, round_index = runtime.context, runtime.state["round"]
    if not runtime.state.get("protocol"):
        raise ToolError("there is no protocol yet; draft one first")
    protocol = from_json(Protocol, runtime.state["protocol"])
    cells = tuple(
        replace(request, prompts=context.prompt_writer.write(request, protocol.objective))
        for request in protocol.cells
    )
    protocol = replace(protocol, cells=cells)
    context.session.write(round_index, "protocol", protocol)
    written = sum(len(request.prompts) for request in cells)
    text = f"{written} prompts for {len(cells)} cells, such as: {cells[0].prompts[0]!r}"
    return answer(runtime, "write_prompts", text, None, protocol=as_json(protocol))
