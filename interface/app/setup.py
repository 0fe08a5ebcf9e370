"""Building what a command needs: workspace, collection, run, session, planner. Checked before any work."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

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
    no_progress,
)
from atlantis_core.records import Regime, RunSpec
from atlantis_dml.agents.client.models import is_chat_model
from atlantis_dml.app.agents import check_chat_models, load_chat_model, make_captioner_factory

if TYPE_CHECKING:
    from atlantis_core.data.reading import LoadedCollection, ReadOptions
    from atlantis_core.learning.models.backbones import BackboneSpec
    from atlantis_core.run.session import Session
    from atlantis_core.store.runs import Run
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.app.progress import Screen


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a person asked a run to do, as typed."""

    data: str
    goal: str
    options: ReadOptions
    spec: RunSpec
    """All settings but the collection's id and the goal's meaning, which need the collection."""

    @property
    def reading(self) -> ReadOptions:
        """How DATA is read, so that images keep the values of the columns that they are asked for by."""
        from atlantis_core.data.tasks import restriction_columns

        return self.options.keeping(restriction_columns(self.spec.query, self.spec.gallery))


def open_workspace(folder: Path | None) -> Workspace:
    """Return the workspace that the command line or the environment names; nothing is created yet."""
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.settings import Settings

    settings = Settings()
    return Workspace(folder or settings.workspace, settings.database_url)


def has_runs(workspace: Workspace, *, or_complain: bool = False) -> bool:
    """Whether anything was ever kept in a workspace.

    Raises:
        SetupError: Nothing was, and `or_complain` is set.
    """
    from atlantis_dml.settings import Settings

    there = Settings().database_url is not None or (workspace.folder / "atlantis.db").is_file()
    if or_complain and not there:
        raise SetupError(
            f"no workspace at {str(workspace.folder)!r}; name it with --workspace or ATLANTIS_WORKSPACE, "
            "or begin with `atlantis demo`"
        )
    return there


def open_existing(folder: Path | None) -> Workspace:
    """Return a workspace that holds something.

    Raises:
        SetupError: It does not.
    """
    workspace = open_workspace(folder)
    has_runs(workspace, or_complain=True)
    return workspace


def find_data_folder(data: str, workspace: Workspace, progress: Progress = no_progress) -> Path:
    """Return the folder of DATA; a bundled collection is written first, unless it is there.

    Raises:
        SetupError: No such folder and no such bundled name.
    """
    from atlantis_core.harbor.world_files import is_bundled, write_bundled_collection

    if not data.strip():
        raise SetupError("DATA is empty; name a folder of class folders, or `harbor`")
    folder = Path(data).expanduser()
    if is_bundled(data) and not folder.exists():
        return write_bundled_collection(data, workspace.path("collections"), progress)
    return folder


def check_data(data: str) -> None:
    """Refuse a folder that is not there, before anything is made.

    Raises:
        SetupError: No such folder and no such bundled name.
    """
    from atlantis_core.harbor.world_files import is_bundled

    if not is_bundled(data) and not Path(data).expanduser().exists():
        raise SetupError(f"there is no folder {data!r}; check the path (bundled collections: `harbor`)")


def load_data(
    data: str, workspace: Workspace, options: ReadOptions, regime: Regime, progress: Progress
) -> LoadedCollection:
    """Read DATA; splits that were made in this workspace before are made again as they were.

    Raises:
        SetupError: It is not there, or too little in it is of use.
    """
    from atlantis_core.data.reading import read_collection

    folder = find_data_folder(data, workspace, progress)
    if not has_runs(workspace):
        return read_collection(folder, options, regime, progress)
    loaded = read_collection(folder, options, regime, progress, workspace.splits.known(regime))
    opened = workspace.splits.sealed_elsewhere(loaded, regime)
    if not opened:
        return loaded
    other = "unseen" if regime == "seen" else "seen"
    note = (
        f"{opened} images train or validate here that the regime '{other}' seals: keep to one regime's test figures."
    )
    return replace(loaded, notes=(*loaded.notes, note))


def store_data(loaded: LoadedCollection, workspace: Workspace, regime: Regime) -> str:
    """Keep a collection and the splits that were made for it; return the collection's id."""
    workspace.splits.write(loaded, regime)
    return workspace.collections.add(loaded)


def check_spec(spec: RunSpec, goal: str | None = None) -> Generator:
    """Refuse settings that no run can have, cheapest checks first; return the generator that was built to see.

    Raises:
        SetupError: Names the first wrong setting.
    """
    from atlantis_core.learning.training.presets import check_preset

    if goal is not None and not goal.strip():
        raise SetupError("the goal is empty; say what should be found, e.g. --goal 'night photos are not found'")
    for name, value, least in (
        ("seeds", spec.seeds, 1),
        ("rounds", spec.budget.rounds, 1),
        ("seed", spec.seed, 0),
    ):
        if value < least:
            raise SetupError(f"{name} {value} is too few; at least {least}")
    for option, limit in (("--budget-images", spec.budget.images), ("--budget-usd", spec.budget.usd)):
        if limit is not None and not limit > 0:
            raise SetupError(f"{option} {limit:g} is not more than 0")
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
    """A budget in dollars can only be kept where each chat model's price is known."""
    names = [name for name in (spec.planner, spec.fallback, spec.captioner) if name and is_chat_model(name)]
    unpriced = [name for name in names if name not in spec.prices]
    if spec.budget.usd is not None and unpriced and not spec.recording:
        raise SetupError(
            f"a budget of ${spec.budget.usd:g} needs the price of {unpriced[0]!r}: --price IN,OUT in dollars per "
            "million tokens, or a table in prices.toml of the workspace"
        )


def settle_backbone(spec: RunSpec) -> tuple[RunSpec, BackboneSpec]:
    """Find the backbone, and pin it in the spec where its name says all, so that a resumed run has the same.

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
    """Say which backbone was taken and from where."""
    if backbone.notice:
        return f"backbone: {backbone.notice}; name another with --backbone or --weights"
    where = {"file": backbone.weights_path, "cache": "the local cache", "hub": "the hub", "scratch": "scratch"}
    return f"backbone: {backbone.architecture}, weights from {where[backbone.source]}"


def create_run(asked: RunRequest, workspace: Workspace, progress: Progress) -> tuple[Run, list[str]]:
    """Read the collection and begin a run; nothing is trained yet.

    Returns:
        The run, and the lines a person should read about its collection and backbone.

    Raises:
        SetupError: Anything a person must mend.
    """
    from atlantis_core.data.inspection import summarize_problems
    from atlantis_core.data.tasks import retrieval_task
    from atlantis_core.learning.training.presets import describe_adaptation
    from atlantis_core.run.goals import describe_goal, read_goal

    check_data(asked.data)
    generator = check_spec(asked.spec, asked.goal)
    asked = replace(asked, spec=pin_base_url(asked.spec))
    loaded = load_data(asked.data, workspace, asked.reading, asked.spec.regime, progress)
    retrieval_task(loaded.collection, asked.spec.regime, asked.spec.query, asked.spec.gallery)
    spec, backbone = settle_backbone(asked.spec)
    goal = read_goal(asked.goal, loaded.collection)
    collection_id = store_data(loaded, workspace, spec.regime)
    run = workspace.runs.create(replace(spec, collection_id=collection_id, goal=goal))
    understood = describe_goal(goal, loaded.collection)
    lines = [
        summarize_problems(loaded.collection.problems),
        *loaded.notes,
        describe_backbone(backbone),
        describe_adaptation(spec.preset, spec.backbone, backbone),
        generator.notice,
        understood,
    ]
    return run, [line for line in lines if line]


def pin_base_url(spec: RunSpec) -> RunSpec:
    """Pin where the chat models answer, so that a resumed run asks the same service and a replay knows its calls."""
    from atlantis_dml.settings import Settings

    chats = [name for name in (spec.planner, spec.captioner) if is_chat_model(name)]
    return replace(spec, base_url=spec.base_url or Settings().address(chats[0])) if chats else spec


def open_session(workspace: Workspace, run: Run, screen: Screen) -> Session:
    """Return the session of a run, of whose work a screen is told."""
    from atlantis_core.run.session import Session

    captioner = make_captioner_factory(workspace, run.id, run.spec)
    return Session(workspace, run.id, run.spec, screen.progress, captioner, screen.line)


def parse_regime(text: str) -> Regime:
    """Return a regime by name.

    Raises:
        SetupError: There is no such regime.
    """
    found: Regime
    for found in get_args(Regime):
        if text == found:
            return found
    raise SetupError(f"unknown --regime {text!r}; known: {', '.join(get_args(Regime))}")
