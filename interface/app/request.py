"""What a person can choose, with the defaults, and the one place that puts a run's specification together.

The command line, the Python functions, the conversations and the benchmarks all begin here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from atlantis_core.base.errors import SetupError
from atlantis_core.data.tasks import Restriction, restriction_columns
from atlantis_core.records import Budget, Goal, Price, Regime, RunSpec
from atlantis_core.records.run_spec import DEFAULT_ROUNDS, EXTRA_SEEDS, Spread
from atlantis_core.run.remedies import REMEDIES

if TYPE_CHECKING:
    from atlantis_core.data.file_listing import ReadOptions


NO_VISION = "none"
"""What is typed for `--vision` so that no model sees images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOptions:
    """How DATA is read, and which of its validation images are queries and gallery."""

    regime: Regime = "seen"
    label: str | None = None
    split: str | None = None
    facets: tuple[str, ...] | None = None
    kept: tuple[str, ...] = ()
    """See `ReadOptions` for these four."""
    query: Restriction | None = None
    gallery: Restriction | None = None

    def columns(self) -> ReadOptions:
        """Return which metadata columns mean what."""
        from atlantis_core.data.file_listing import ReadOptions

        return ReadOptions(self.label, self.split, self.facets, self.kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions(TaskOptions):
    """The settings of a run; a training, a diagnosis and a conversation use some of them."""

    planner: str = "rules"
    fallback: str | None = None
    base_url: str | None = None
    price: Price | None = None
    """Of every chat model of the run; None takes the prices in `prices.toml`."""
    budget_images: int | None = None
    budget_usd: float | None = None
    rounds: int | None = None
    """These three limits override the ones in the goal's words."""
    seeds: int = 2
    max_seeds: int | None = None
    """None: `EXTRA_SEEDS` more than `seeds`."""
    seed: int = 0
    auto: bool = False
    preset: str = "auto"
    backbone: str | None = None
    weights: str | None = None
    captioner: str = "attributes"
    vision: str | None = None
    """Chat model that looks at contact sheets, or `none`; None: the planner, if that is a chat model."""
    generator: str = "photometric"
    scorer: str = "margin"
    spread: Spread = "targeted"
    attack: str | None = None
    """`fgsm` or `pgd`: the queries that are measured are attacked. None takes what the goal's words say."""
    epsilon: float | None = None
    """Strength of the attack, in pixel units of 0..255; None means 2."""
    masks: str | None = None
    pool: str | None = None
    answers: str | None = None
    remedies: tuple[str, ...] | None = None
    questions: int = 160
    memory: bool = True


@dataclass(frozen=True, slots=True)
class RunRequest:
    """Settings and goal of a run."""

    spec: RunSpec
    """All settings; the collection's id and the goal's cells are filled in when the collection is read."""
    options: ReadOptions

    @property
    def reading(self) -> ReadOptions:
        """How DATA is read: images also keep the values that restrict queries and gallery."""
        return self.options.keeping(restriction_columns(self.spec.query, self.spec.gallery))


def build_request(data: str, given: RunOptions, workspace: Path | None = None, goal: str = "") -> RunRequest:
    """Put the specification of a run together.

    Keys are removed from the goal, and limits in its words count where no option gives them.

    Raises:
        SetupError: `prices.toml` or the file with the key cannot be read.
    """
    from atlantis_dml.app.prices import find_prices
    from atlantis_dml.app.setup import find_workspace_folder
    from atlantis_dml.settings import build_redaction

    if goal:
        goal = build_redaction()(goal)
    vision = choose_vision(given.vision, given.planner)
    chat_models = [given.planner, given.fallback, given.captioner, vision]
    spec = RunSpec(
        collection_id="",
        data=data,
        goal=Goal(goal),
        budget=_build_budget(goal, given),
        planner=given.planner,
        base_url=given.base_url,
        fallback=given.fallback,
        prices=find_prices(chat_models, given.price, find_workspace_folder(workspace)),
        seeds=given.seeds,
        max_seeds=given.seeds + EXTRA_SEEDS if given.max_seeds is None else given.max_seeds,
        seed=given.seed,
        preset=given.preset,
        backbone=given.backbone,
        weights=given.weights,
        captioner=given.captioner,
        vision=vision,
        generator=given.generator,
        scorer=given.scorer,
        regime=given.regime,
        query=given.query,
        gallery=given.gallery,
        auto=given.auto,
        spread=given.spread,
        attack=_build_attack(goal, given),
        masks=_make_absolute(given.masks),
        pool=_make_absolute(given.pool),
        answers=_make_absolute(given.answers),
        remedies=given.remedies or tuple(REMEDIES),
        questions=given.questions,
        memory=given.memory,
    )
    return RunRequest(spec, given.columns())


def choose_vision(given: str | None, planner: str) -> str:
    """Return the chat model that looks at contact sheets; empty for none.

    Whether the planner's takes images is not known here: if its provider refuses the first, the run goes on without.
    """
    from atlantis_dml.agents.client.models import is_chat_model

    if given is None:
        return planner if is_chat_model(planner) else ""
    return "" if given == NO_VISION else given


def _build_attack(goal: str, given: RunOptions) -> str:
    """Take the attack from the options, else from the goal's words, which is said."""
    from atlantis_core.learning.attacks import format_attack
    from atlantis_core.run.goals.reading import read_attack
    from atlantis_dml.app.evaluate import parse_attack
    from atlantis_dml.app.output import say

    named = read_attack(goal)
    if given.attack is None and named and given.epsilon is None:
        say(f"the goal is about attacked queries: {named} (--attack and --epsilon override it)")
        return named
    strength = {"epsilon": given.epsilon}
    method = given.attack or named.partition(":")[0] or None
    attack = parse_attack(method, strength)
    return format_attack(attack) if attack else ""


def _make_absolute(path: str | None) -> str | None:
    """Return a path that means the same when the run is resumed from another folder."""
    return None if path is None else str(Path(path).expanduser().absolute())


def _build_budget(goal: str, given: RunOptions) -> Budget:
    """Take the limits from the options, else from the goal's words, which is said."""
    from atlantis_core.base.amounts import limits_in
    from atlantis_core.run.goals.selectors import without_counts
    from atlantis_dml.app.output import say

    typed = {"images": given.budget_images, "usd": given.budget_usd, "rounds": given.rounds}
    read = limits_in(without_counts(goal))
    named = {unit: value for unit, value in read.items() if typed[unit] is None and value > 0}  # 0: `forbids_images`
    if named:
        limits = ", ".join(f"{value:g} {unit}" for unit, value in named.items())
        say(f"limits read from the goal's words: {limits} (options such as --budget-images override them)")
    images, usd, rounds = (typed[unit] if typed[unit] is not None else named.get(unit) for unit in typed)
    return Budget(None if images is None else int(images), usd, DEFAULT_ROUNDS if rounds is None else int(rounds))


def parse_choice(text: str, option: str, choices: Any) -> Any:
    """Return the member of a `Literal` type that a text names.

    Raises:
        SetupError: There is none of that name.
    """
    if text not in get_args(choices):
        raise SetupError(f"unknown {option} {text!r}; known: {', '.join(get_args(choices))}")
    return text


def parse_regime(text: str) -> Regime:
    """Return a regime by name; see `parse_choice`."""
    found: Regime = parse_choice(text, "--regime", Regime)
    return found
