"""Tool: look at what the incumbent returns for a class's validation queries."""

from __future__ import annotations

from langchain_core.tools import tool

from atlantis_core.base.errors import ToolError
from atlantis_core.run.diagnosis import count_top1_labels
from atlantis_dml.tools.context import Runtime, answer_call, find_diagnosing


@tool
def search_images(class_name: str, runtime: Runtime) -> object:
    """See, for the validation queries of one class, which classes the retriever returns first.

    Args:
        class_name: A class of the collection, spelled as it is there.
    """
    session = runtime.context.session
    if class_name not in session.collection.classes:
        raise ToolError(f"{class_name!r} is not a class of this collection")
    diagnosing = find_diagnosing(runtime)
    returned = count_top1_labels(session, diagnosing, class_name)
    listed = ", ".join(f"{label!r} {count}x" for label, count in returned[:5]) or "it has no validation query"
    return answer_call(runtime, "search_images", f"queries of {class_name!r} get: {listed}", dict(returned))
