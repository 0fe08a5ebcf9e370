"""Rules of AGENTS.md and claims of docs/ that can be read off the source."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("atlantis_core", "interface", "agents", "tools", "graph", "prompts")
PRODUCT = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
TREES = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in PRODUCT}
MAX_FUNCTION_LINES = 70


def calls(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted names of what is called or read."""
    return (ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute))


def files_with(*names: str) -> set[str]:
    return {path for path, tree in TREES.items() if set(names) & set(calls(tree))}


def test_only_the_package_and_what_packaging_forces_lie_at_the_top_of_the_core() -> None:
    assert {path.name for path in (ROOT / "atlantis_core").glob("*.py")} == {"__init__.py", "torchvision_hook.py"}


def test_no_function_is_longer_than_its_rule() -> None:
    long = {
        f"{path}:{node.name}": node.end_lineno - node.lineno + 1
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= MAX_FUNCTION_LINES
    }
    assert long == {}


def test_only_settings_read_the_environment() -> None:
    """The core sets telemetry off for others; launchers of several processes say rank and count in it."""
    reading = files_with("os.environ", "os.getenv", "os.environ.get")
    assert reading == {"atlantis_core/__init__.py", "atlantis_core/base/parallel.py"}


def test_images_are_opened_in_one_place() -> None:
    assert files_with("Image.open", "Pillow.open") == {"atlantis_core/data/image_io.py"}
    assert files_with("ImageOps.exif_transpose", "Pillow.alpha_composite", "Image.alpha_composite") == {
        "atlantis_core/data/pixels.py"
    }


def test_chat_models_are_called_in_one_place() -> None:
    calling = {
        path
        for path, tree in TREES.items()
        if path.startswith("agents/")
        and any(name.rpartition(".")[2] in {"invoke", "batch", "stream", "ainvoke"} for name in calls(tree))
    }
    assert calling == {"agents/client/calls.py"}


def test_chat_models_are_built_in_one_place() -> None:
    building = {path for path in TREES if "langchain_openai" in (ROOT / path).read_text()}
    assert building == {"agents/client/models.py"}


def test_no_file_is_called_by_what_it_is_not() -> None:
    vague = re.compile(r"utils?|helpers?|managers?|misc|common")
    assert [path for path in TREES if vague.fullmatch(Path(path).stem)] == []


def test_every_error_is_caught_by_name() -> None:
    """`app/output.py` reports whatever nobody expected and raises it again."""
    broad = {
        path
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) == "Exception")
    }
    assert broad == {"interface/app/output.py"}


def test_the_product_imports_neither_bench_nor_tests() -> None:
    bench = {path.stem for path in (ROOT / "bench").glob("*.py")}
    imported = {
        (path, node.module)
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and node.module
        and node.module.split(".")[0] in {*bench, "bench", "tests"}
    }
    assert imported == set()


def test_tests_mirror_the_folders() -> None:
    own = {"cassettes", "fixtures", "inputs", "snapshots"}
    folders = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")}
    strangers = [
        folder.as_posix()
        for folder in folders
        if folder.parts and folder.parts[0] not in own and not (ROOT / folder).is_dir()
    ]
    assert strangers == []


REGISTRIES = (
    "ALLOCATIONS CAPTIONERS DISTANCES EMBEDDERS GENERATORS HEADS IMPORTERS LOSSES METRICS PRESETS SCENARIOS SCORERS "
    "TOOLS"
)


@pytest.mark.parametrize("registry", REGISTRIES.split())
def test_a_contract_suite_runs_over_every_registry(registry: str) -> None:
    """docs/adding.md: a new part is tested by being registered."""
    found = subprocess.run(
        ["grep", "-rlw", "--include=test_*.py", registry, str(ROOT / "tests")], capture_output=True, check=False
    )
    assert [name for name in found.stdout.decode().split() if not name.endswith("test_rules.py")]
