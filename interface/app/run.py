"""Begins a run and opens its session. Settings are checked before any work."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from atlantis_core.base import registry
from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import (
    CAPTIONERS,
    GENERATORS,
    SCORERS,
    Captioner,
    Generator,
    OutlierScorer,
    Progress,
)
from atlantis_core.records import RunSpec
from atlantis_dml.agents.client.models import is_chat_model
from atlantis_dml.app.agents import check_chat_models, load_chat_model, make_captioner_factory
from atlantis_dml.app.output import announce
from atlantis_dml.app.setup import check_data, load_data, open_workspace, store_data

if TYPE_CHECKING:
    from atlantis_core.learning.models.backbones import BackboneSpec
    from atlantis_core.run.session import Session
    from atlantis_core.store.runs import Run
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.app.progress import Screen
    from atlantis_dml.app.request import RunRequest


def create_run(request: RunRequest, workspace: Workspace, progress: Progress) -> tuple[Run, list[str]]:
    """Read the collection and store a new run; return it, and lines for the person. Nothing is trained yet.

    Raises:
        SetupError: A setting or the data has to be fixed.
    """
    check_data(request.spec.data)
    generator = check_spec(request.spec, request.spec.goal.text)
    announce(f"reading {request.spec.data}")
    from atlantis_core.data.inspection import summarize_problems
    from atlantis_core.data.tasks import retrieval_task
    from atlantis_core.learning.training.presets import describe_adaptation
    from atlantis_core.run.goals import describe_goal, read_goal

    request = replace(request, spec=pin_base_url(request.spec))
    loaded = load_data(request.spec.data, workspace, request.reading, request.spec.regime, progress)
    retrieval_task(loaded.collection, request.spec.regime, request.spec.query, request.spec.gallery)
    spec, backbone = settle_backbone(request.spec)
    goal = read_goal(request.spec.goal.text, loaded.collection)
    collection_id = store_data(loaded, workspace, spec.regime)
    run = workspace.runs.create(replace(spec, collection_id=collection_id, goal=goal))
    lines = [
        summarize_problems(loaded.collection.problems),
        *loaded.notes,
        describe_backbone(backbone),
        describe_adaptation(spec.preset, spec.backbone, backbone),
        generator.notice,
        describe_goal(goal, loaded.collection),
    ]
    return run, [line for line in lines if line]


def check_spec(spec: RunSpec, goal: str | None = None) -> Generator:
    """Refuse invalid settings, the cheapest checks first; return the generator, which is built to check it.

    Raises:
        SetupError: Names the first wrong setting.
    """
    from atlantis_core.learning.training.presets import check_preset

    if goal is not None and not goal.strip():
        raise SetupError(
            "the goal is empty; say what should be found better, e.g. --goal 'night photos are not found'"
        )
    for name, value, least in (("seeds", spec.seeds, 1), ("rounds", spec.budget.rounds, 1), ("seed", spec.seed, 0)):
        if value < least:
            raise SetupError(f"{name} {value} is too small; at least {least}")
    for option, limit in (("--budget-images", spec.budget.images), ("--budget-usd", spec.budget.usd)):
        if limit is not None and not limit > 0:
            raise SetupError(f"{option} {limit:g} must be more than 0")
    check_preset(spec.preset)
    _check_prices(spec)
    if is_chat_model(spec.captioner):
        load_chat_model(spec.captioner, spec)
    else:
        registry.build_part(CAPTIONERS, spec.captioner, "captioner", Captioner)
    generator: Generator = registry.build_part(GENERATORS, spec.generator, "generator", Generator)
    registry.make_part(SCORERS, spec.scorer, "scorer", OutlierScorer)
    check_chat_models(spec)
    return generator


def _check_prices(spec: RunSpec) -> None:
    """Refuse a budget in dollars if a chat model's price is unknown."""
    names = [name for name in (spec.planner, spec.fallback, spec.captioner) if name and is_chat_model(name)]
    unpriced = [name for name in names if name not in spec.prices]
    if spec.budget.usd is not None and unpriced and not spec.recording:
        raise SetupError(
            f"a budget of ${spec.budget.usd:g} needs the price of {unpriced[0]!r}: --price IN,OUT in dollars per "
            "million tokens, or a table in prices.toml of the workspace"
        )


def settle_backbone(spec: RunSpec) -> tuple[RunSpec, BackboneSpec]:
    """Find the backbone and pin it in the spec, so that a resumed run has the same one.

    Raises:
        SetupError: Unknown name, missing or unreadable weights.
    """
    from atlantis_core.harbor.world_files import is_bundled
    from atlantis_core.learning.models.backbones import HARBOR_STUDENT, PREPROCESSING, resolve_backbone

    if spec.backbone is None and spec.weights is None and is_bundled(spec.data):
        spec = replace(spec, backbone=HARBOR_STUDENT)
    backbone = resolve_backbone(spec.backbone, spec.weights, preprocessing=spec.preprocessing or PREPROCESSING)
    if spec.weights is not None:
        spec = replace(spec, weights=backbone.weights_path)
    elif spec.backbone != HARBOR_STUDENT:
        spec = replace(spec, backbone=backbone.pinned_name)
    return replace(spec, preprocessing=backbone.preprocessing), backbone


def describe_backbone(backbone: BackboneSpec) -> str:
    """Return a line that names the backbone and the source of its weights."""
    if backbone.notice:
        return f"backbone: {backbone.notice}; name another with --backbone or --weights"
    where = {"file": backbone.weights_path, "cache": "the local cache", "hub": "the hub", "scratch": "scratch"}
    return f"backbone: {backbone.architecture}, weights from {where[backbone.source]}"


def pin_base_url(spec: RunSpec) -> RunSpec:
    """Pin the chat models' base URL: a resumed run asks the same service, and a replay finds the recorded calls."""
    from atlantis_dml.settings import Settings

    chats = [name for name in (spec.planner, spec.captioner) if is_chat_model(name)]
    return replace(spec, base_url=spec.base_url or Settings().address(chats[0])) if chats else spec


def open_session(workspace: Workspace, run: Run, screen: Screen) -> Session:
    """Return the session of a run; a screen shows its progress."""
    from atlantis_core.run.session import Session

    captioner = make_captioner_factory(workspace, run.id, run.spec)
    return Session(workspace, run.id, run.spec, screen.progress, captioner, screen.line)


def open_session_without_run(purpose: str, request: RunRequest, folder: Path | None, screen: Screen) -> Session:
    """Read DATA, find the backbone, and return a session that belongs to no run.

    Captions and costs are stored under the purpose and the collection's name.
    """
    check_data(request.spec.data)
    check_spec(request.spec)
    announce(f"reading {request.spec.data}")
    from atlantis_core.data.inspection import summarize_problems
    from atlantis_core.learning.training.presets import describe_adaptation
    from atlantis_core.run.session import Session

    store = open_workspace(folder)
    loaded = load_data(request.spec.data, store, request.reading, request.spec.regime, screen.progress)
    spec, backbone = settle_backbone(request.spec)  # loads torch; bad data is refused before
    about = describe_backbone(backbone), describe_adaptation(spec.preset, spec.backbone, backbone)
    for line in (summarize_problems(loaded.collection.problems), *loaded.notes, *about):
        if line:
            screen.line(line)
    collection_id = store_data(loaded, store, spec.regime)
    spec = replace(spec, collection_id=collection_id)
    run_id = f"{purpose}-{collection_id[:16]}"
    return Session(store, run_id, spec, screen.progress, make_captioner_factory(store, run_id, spec), screen.line)
