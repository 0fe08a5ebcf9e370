"""The walls: what is packaged, what importing does, how long the front door takes."""

from __future__ import annotations

import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from tests.fixtures.packing import unpack

ROOT = Path(__file__).resolve().parents[1]
ROOMS = {
    "interface": "atlantis_dml",
    "agents": "atlantis_dml.agents",
    "graph": "atlantis_dml.graph",
    "prompts": "atlantis_dml.prompts",
    "tools": "atlantis_dml.tools",
}


def test_every_folder_with_code_is_packaged_and_nothing_else() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "atlantis_core").rglob("*.py")}
    core = {".".join(folder.parts) for folder in folders}
    below = {
        f"{package}.{'.'.join(path.parent.relative_to(ROOT / room).parts)}"
        for room, package in ROOMS.items()
        for path in (ROOT / room).glob("*/**/__init__.py")
    }
    assert listed == core | set(ROOMS.values()) | below


def test_every_package_is_typed_and_documented() -> None:
    for folder in [*ROOMS, "atlantis_core"]:
        assert (ROOT / folder / "py.typed").exists()
        assert (ROOT / folder / "__init__.py").read_text().startswith('"""')


@pytest.mark.parametrize(
    "code",
    [
        "import timm",
        "import atlantis_core, timm",
        "import timm, atlantis_core",
        "from transformers import PreTrainedModel",  # looks for torchvision long before it imports it
    ],
)
def test_timm_imports_beside_this_torch(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_torchvision_cure_is_one_line_that_costs_nothing_without_us(tmp_path: Path) -> None:
    """Python runs only lines that begin with `import`, and a venv we were removed from must still start."""
    (line,) = (ROOT / "packaging" / "atlantis_torchvision.pth").read_text().splitlines()
    assert line.startswith("import ")
    done = subprocess.run(
        [sys.executable, "-S", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_help_answers_in_a_second_and_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['atlantis', '--help']\n"
        "from atlantis_dml.cli.main import run_as_program\n"
        "try: run_as_program()\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'langgraph', 'sqlalchemy', 'kornia', 'timm'} & set(sys.modules)))"
    )
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        seconds.append(time.perf_counter() - started)
        assert done.stdout.strip().endswith("[]"), done.stdout + done.stderr
    assert min(seconds) < 1.0 * 2, seconds  # twice the promise: test machines are shared


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a finished run."""
    archive = ROOT / "tests" / "fixtures" / "old_workspace.tar.xz"
    return unpack(archive, tmp_path_factory.mktemp("light") / "home") / "workspace"


def run_fresh(*words: str) -> tuple[str, set[str]]:
    """Run a command as the program does, in a fresh process; return its stderr and the modules it loaded."""
    code = (
        f"import sys; sys.argv = ['atlantis', *{words!r}]\n"
        "from atlantis_dml.cli.main import run_as_program\n"
        "try: run_as_program()\n"
        "except SystemExit as end: assert end.code in {0, 2}, end.code\n"
        "print('LOADED', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr, set(done.stdout.rpartition("LOADED")[2].split())


@pytest.mark.parametrize("words", ["presets", "runs", "trace last", "report last", "doctor", "indexes"])
def test_a_command_that_only_looks_loads_nothing_that_computes(words: str, workspace: Path) -> None:
    placed = () if words == "presets" else ("--workspace", str(workspace))
    said, loaded = run_fresh(*words.split(), *placed)
    assert loaded.isdisjoint({"torch", "timm", "kornia", "sklearn", "pandas", "transformers", "langgraph"}), said
    if words in {"presets", "runs", "trace last"}:
        assert "numpy" not in loaded, said
    if words == "presets":
        assert "sqlalchemy" not in loaded, said


@pytest.mark.parametrize(
    "words",
    [
        "diagnose DATA",
        "run DATA --goal night",
        "train DATA",
        "evaluate harbor-student DATA",
        "scenario few-shot DATA NEW",
    ],
)
def test_the_first_line_comes_before_what_is_slow(words: str, tmp_path: Path) -> None:
    """The folder is empty: it is read, and refused."""
    (tmp_path / "photos").mkdir()
    paths = {"DATA": str(tmp_path / "photos"), "NEW": str(tmp_path / "new")}
    said, loaded = run_fresh(
        *[paths.get(word, word) for word in words.split()], "--workspace", str(tmp_path / "home")
    )
    first, second = said.splitlines()
    assert first.endswith(f"reading {tmp_path / 'photos'} ...")
    assert str(tmp_path / "photos") in second
    assert "torch" not in loaded or words.startswith("evaluate"), "a model is loaded before its images are read"


def test_no_file_of_ours_is_longer_than_its_reason() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for room in [*ROOMS, "atlantis_core"]
        for path in (ROOT / room).rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 300
    }
    assert long == {}
