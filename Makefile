# ATLANTIS: `make help` lists what there is. Every target works from a fresh clone; the first one used makes .venv.
.DEFAULT_GOAL := help
.PHONY: help dev relink check test test-fast coverage demo bench recipes bench-agents snapshots results clean

export PYTHONSAFEPATH := 1
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Imported once when .venv is made, so that their bytecode is there: uv writes none, and where PYTHONDONTWRITEBYTECODE
# is set every command would compile their source anew, which takes as long as the rest of it.
COMPILED := torch._dynamo, torchvision.transforms.v2, timm.optim, kornia, diffusers, transformers, sklearn.manifold, \
  scipy.ndimage, pytorch_metric_learning.losses, langgraph.graph, langgraph.prebuilt, langgraph.checkpoint.sqlite, \
  langchain_openai, chromadb, sqlalchemy.dialects.sqlite, pydantic_settings, typer.testing, jinja2, rich.progress, \
  gradio, mlflow, pytest
PIP_FIND_LINKS_SEEN := $(shell $(PYTHON) -m pip config get global.find-links 2>/dev/null)
export UV_FIND_LINKS ?= $(subst $(eval ) ,$(shell printf ','),$(strip $(PIP_FIND_LINKS_SEEN)))
FOLDERS := atlantis_core interface agents tools graph prompts tests bench

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

dev: $(VENV)/.installed relink ## Make .venv with everything that development and the demo need

$(VENV)/.installed: constraints.txt pyproject.toml setup.py
	@echo "setting up $(VENV) (about 3 minutes the first time, seconds with a warm cache) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt "torch==2.13.0" "torchvision==0.28.0" "setuptools>=77" -e '.[dev]'
	@cp packaging/*.pth "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -W ignore -c "import $(COMPILED)"
	@touch $@

relink: $(VENV)/.installed # a strict editable install shows new files only after this; it takes seconds
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --reinstall-package atlantis-dml -e .
	@$(BIN)/python -m compileall -q build/__editable__*

check: relink ## Lint, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy $(FOLDERS)
	@$(BIN)/lint-imports

test: relink ## Every test, with coverage of core, graph and tools
	@$(BIN)/pytest --cov --cov-report=term:skip-covered --cov-report=json:.coverage.json -q
	@$(BIN)/python tests/coverage_bar.py .coverage.json

test-fast: relink ## The tests that take seconds
	@$(BIN)/pytest -q -m "not slow"

demo: relink ## The whole loop on the bundled world: offline, minutes on two cores
	@$(BIN)/atlantis demo

results: relink ## The harbor experiments behind docs/results.md (about an hour and a half on two cores)
	@$(BIN)/python bench/gap_finder.py
	@$(BIN)/python bench/planted_gap.py

SHARED_DATA := ../shared/data
export OMP_WAIT_POLICY := passive
BENCH := PYTHONSAFEPATH= PYTHONPATH=bench $(BIN)/python

bench: relink ## Timings behind docs/performance.md, each beside its peer (an hour on two cores; leave them idle)
	@$(BENCH) bench/timings.py
	@$(BENCH) bench/cpu_seconds.py
	@$(BENCH) bench/losses.py
	@$(BENCH) bench/generation.py
	@if test -d $(SHARED_DATA); then \
	  $(BENCH) bench/filtering.py $(SHARED_DATA)/atlantis_cars196 && \
	  $(BENCH) bench/training_step.py && \
	  $(BENCH) bench/hyp_vit.py; \
	else echo "skipped: filtering, training_step and hyp_vit need $(SHARED_DATA)"; fi
	@$(BENCH) -c "import faiss" 2>/dev/null || echo "without faiss-cpu its row is left out: uv pip install faiss-cpu"
	@$(BENCH) bench/recall.py
	@$(BENCH) bench/gpu.py

recipes: relink ## How good the presets are on grocery81, three seeds (an hour on two cores)
	@$(BENCH) bench/recipes.py unseen --preset unseen
	@$(BENCH) bench/recipes.py seen --preset full

bench-agents: relink ## The agents against a model that misbehaves on purpose (minutes)
	@PYTHONPATH=bench $(BIN)/python bench/agent_suite.py
	@PYTHONPATH=bench $(BIN)/python bench/goals.py
	@PYTHONPATH=bench $(BIN)/python bench/five_goals.py

snapshots: relink ## Rewrite the snapshots of prompts and tool schemas; review the diff
	@$(BIN)/pytest -q tests/snapshots --update-snapshots

clean: ## Remove caches (never build/__editable__*: the installed package lives there)
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.json htmlcov dist
	@find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
