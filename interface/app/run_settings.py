"""Checks the settings of a run before any work, and settles those that are left open."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from atlantis_core.base import registry
from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import CAPTIONERS, SCORERS, Captioner, Generator, OutlierScorer
from atlantis_core.records import RunSpec
from atlantis_dml.agents.client.models import is_chat_model
from atlantis_dml.app.chat_models import check_chat_models, load_chat_model

if TYPE_CHECKING:
    from atlantis_core.learning.models.backbones import BackboneSpec


def check_spec(spec: RunSpec, goal: str | None = None) -> Generator:
    """Refuse invalid settings, the cheapest checks first; return the generator, which is built to check it.

    Raises:
        SetupError: Names the first wrong setting.
    """
    from atlantis_core.generation.building import make_generator
    from atlantis_core.learning.attacks import parse_attack
    from atlantis_core.learning.training.presets import check_preset

    if goal is not None and not goal.strip():
        raise SetupError(
            "the goal is empty; say what should be found better, e.g. --goal 'night photos are not found'"
        )
    for name, value, least in (("seeds", spec.seeds, 1), ("rounds", spec.budget.rounds, 1), ("seed", spec.seed, 0)):
        if value < least:
            raise SetupError(f"{name} {value} is too small; at least {least}")
    if spec.max_seeds is not None and spec.max_seeds < spec.seeds:
        raise SetupError(f"--max-seeds {spec.max_seeds} is less than --seeds {spec.seeds}; leave it out or raise it")
    for option, limit in (("--budget-images", spec.budget.images), ("--budget-usd", spec.budget.usd)):
        if limit is not None and not limit > 0:
            raise SetupError(f"{option} {limit:g} must be more than 0")
    check_preset(spec.preset)
    if spec.attack:
        parse_attack(spec.attack)
    _check_pool(spec)
    _check_prices(spec)
    if is_chat_model(spec.captioner):
        load_chat_model(spec.captioner, spec)
    else:
        registry.build_part(CAPTIONERS, spec.captioner, "captioner", Captioner)
    generator = make_generator(spec.generator, spec.masks)
    _check_use_of_masks(spec, generator)
    registry.make_part(SCORERS, spec.scorer, "scorer", OutlierScorer)
    check_chat_models(spec)
    return generator


def refuse_open_preset(preset: str) -> None:
    """Refuse a preset that only a run can choose.

    Raises:
        SetupError: It is `best`.
    """
    from atlantis_core.learning.training.presets import is_open_preset

    if is_open_preset(preset):
        raise SetupError(
            f"--preset {preset} is for run, chat and serve; compare with `atlantis recipes DATA`, then name the best"
        )


def _check_use_of_masks(spec: RunSpec, generator: Generator) -> None:
    """Refuse masks in a run that cuts nothing out."""
    from atlantis_core.generation.cut_paste.generator import CutPasteGenerator
    from atlantis_core.generation.cut_paste.sources import open_folder
    from atlantis_core.run.remedies.paste import Paste

    if spec.masks is None:
        return
    open_folder(spec.masks, "masks")
    if generator.name != CutPasteGenerator.name and Paste.name not in spec.remedies:
        raise SetupError(
            f"--masks {spec.masks!r} has no effect where no object is cut out; add --generator cut_paste, or the "
            f"remedy {Paste.name}"
        )


def _check_pool(spec: RunSpec) -> None:
    """Refuse a folder or a file of answers that cannot be used."""
    from atlantis_core.pool.answer_file import read_answers
    from atlantis_core.pool.pool_folder import PoolFolder

    if spec.questions < 1:
        raise SetupError(f"--questions {spec.questions} is too small; at least 1")
    if spec.pool is not None:
        pool = PoolFolder(spec.pool)
        if spec.answers is not None:
            read_answers(spec.answers, pool)
    elif spec.answers is not None:
        raise SetupError(f"--answers {spec.answers!r} is about photos of a pool; name its folder with --pool FOLDER")


def _check_prices(spec: RunSpec) -> None:
    """Refuse a budget in dollars if a chat model's price is unknown."""
    named = (spec.planner, spec.fallback, spec.captioner, spec.vision)
    names = [name for name in named if name and is_chat_model(name)]
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

    chats = [name for name in (spec.planner, spec.captioner, spec.vision) if is_chat_model(name)]
    return replace(spec, base_url=spec.base_url or Settings().address(chats[0])) if chats else spec
