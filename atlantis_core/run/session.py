"""A run's parts, each built when it is first asked for."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.base import registry
from atlantis_core.base.errors import SetupError
from atlantis_core.base.hashing import content_hash
from atlantis_core.base.ports import (
    CAPTIONERS,
    SCORERS,
    Captioner,
    Generator,
    Notify,
    OutlierScorer,
    Progress,
    no_notify,
    no_progress,
)
from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.data.facets import add_caption_facets, describe_caption_facets
from atlantis_core.data.reading import LoadedCollection
from atlantis_core.data.tasks import RetrievalTask, retrieval_task
from atlantis_core.generation.building import build_generator
from atlantis_core.records import Caption, Collection, Goal, LabelledImage, RunSpec
from atlantis_core.records.round import CaptionsEntry
from atlantis_core.run.goals.reading import read_goal
from atlantis_core.run.insight import FacetIdea, add_facet_ideas
from atlantis_core.run.journal import EntryKind, JournalKind, Record
from atlantis_core.run.run_pool import guard_run_pool
from atlantis_core.store.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from atlantis_core.learning.attacks import Attack
    from atlantis_core.learning.inputs.activation_cache import ActivationCache
    from atlantis_core.learning.models.backbones import BackboneSpec
    from atlantis_core.learning.recipe import Recipe
    from atlantis_core.pool.pool_folder import GuardedPool
    from atlantis_core.store.events import Span

DIAGNOSING_SEED = 0
"""Gaps are found with a model whose seed never judges: picking the worst cells of a model and comparing
with that same model would show a gain by regression to the mean alone."""


class Session:
    """What the tools of one run work with.

    Args:
        workspace: Where everything is kept.
        run_id: What journal, ledger and trace are kept under.
        spec: Names the parts.
        progress: Receives the progress of work that takes seconds.
        captioner: Builds one that needs more than its name: a chat model needs a key.
        say: Receives a line about each thing that differs from what a person may expect.
    """

    def __init__(
        self,
        workspace: Workspace,
        run_id: str,
        spec: RunSpec,
        progress: Progress = no_progress,
        captioner: Callable[[], Captioner] | None = None,
        say: Notify = no_notify,
    ) -> None:
        self.workspace = workspace
        self.run_id = run_id
        self.spec = spec
        self.progress = progress
        self.say = say
        self._captioner = captioner

    @property
    def is_run(self) -> bool:
        """Whether it is of a run, and not of `atlantis train`, `diagnose`, or a trial."""
        return self.workspace.runs.find(self.run_id) is not None

    @cached_property
    def loaded(self) -> LoadedCollection:
        """The collection as it was read, with its test split sealed."""
        return self.workspace.collections.get(self.spec.collection_id)

    def require_images(self) -> None:
        """Refuse to work on a collection whose images are no longer there, or are read with other pixels since.

        Raises:
            SetupError: Names the first of them.
        """
        images = self.loaded.collection.images
        gone = [image.path for image in images if not Path(image.path).is_file()]
        if gone:
            raise SetupError(
                f"{len(gone)} of {len(images)} images of the collection are gone, the first {gone[0]!r}; "
                f"put them back where they were, then: atlantis resume {self.run_id}"
            )
        if self.workspace.collections.renew(self.spec.collection_id):
            self.__dict__.pop("loaded")
            self._forget_collection()

    @cached_property
    def collection(self) -> Collection:
        """The collection, with the facets that captions gave it if it had none, and those learned in this run."""
        collection = self.loaded.collection
        captions = self.captions
        if not captions:
            return collection
        return add_facet_ideas(add_caption_facets(collection, captions), captions, self.facet_ideas)

    @property
    def facet_ideas(self) -> tuple[FacetIdea, ...]:
        """Facets that were learned in this run."""
        return self.read(0, JournalKind.FACET_IDEAS) or ()

    def add_facets(self, ideas: Sequence[FacetIdea]) -> None:
        """Give the collection more facets, from now on; of two with one name the first stays."""
        known = self.facet_ideas
        names = {idea.name for idea in known}
        self.write(0, JournalKind.FACET_IDEAS, (*known, *(idea for idea in ideas if idea.name not in names)))
        self._forget_collection()

    def _forget_collection(self) -> None:
        self.__dict__.pop("collection", None)
        self.__dict__.pop("task", None)
        self.__dict__.pop("task_hash", None)

    @property
    def captions(self) -> tuple[Caption, ...]:
        """Captions made in this run; none before `caption_images` has run."""
        entry = self.read(0, JournalKind.CAPTIONS)
        found = self.workspace.results.find(entry.receipt) if entry else None
        return from_json(tuple[Caption, ...], found) if found else ()

    def caption(self) -> None:
        """Caption the collection, once in a workspace; without facets of its own it gets them from there."""
        key = content_hash("captions", [self.spec.collection_id, self.spec.captioner, self.captioner.version])
        if self.workspace.results.find(key) is None:
            started = time.monotonic()
            captions = self.captioner.caption(self.collection.images)
            seconds = time.monotonic() - started
            self.workspace.results.add(key, "captions", as_json(captions), seconds)
            self.workspace.ledger.spend(self.run_id, "seconds", seconds, f"captions/{key}")
        self.write(0, JournalKind.CAPTIONS, CaptionsEntry(key, self.spec.captioner))
        self._forget_collection()

    def caption_if_no_facets(self) -> None:
        """Caption a collection that has no facets of its own, and say which it has now."""
        if not self.loaded.collection.facets:
            self.caption()
            self.say(describe_caption_facets(self.collection, self.spec.captioner))

    @property
    def goal(self) -> Goal:
        """What the goal's words name in the collection as it is now: captions may have given it facets since."""
        goal = self.read(0, JournalKind.GOAL) or self.spec.goal
        return read_goal(goal.text, self.collection) if goal.text and not (goal.cells or goal.by) else goal

    @cached_property
    def task(self) -> RetrievalTask:
        """Validation queries against the gallery."""
        return retrieval_task(self.collection, self.spec.regime, self.spec.query, self.spec.gallery)

    @cached_property
    def reference(self) -> tuple[LabelledImage, ...]:
        """Photos that servings are fitted on: those of the pool, without a label, else the training photos."""
        pool = tuple(LabelledImage(image.id, image.path, "", "train") for image in self.pool.images)
        return pool or self.loaded.collection.of_split("train")

    @cached_property
    def task_hash(self) -> str:
        """Content hash of queries and gallery; a collection that was moved is still the same."""
        nowhere = [[replace(image, path="") for image in part] for part in (self.task.queries, self.task.gallery)]
        return content_hash("task", nowhere)

    @property
    def judging_seeds(self) -> list[int]:
        """Seeds of the trials that are compared first."""
        return [self.judging_seed(position) for position in range(self.spec.seeds)]

    @property
    def max_seeds(self) -> int:
        """Judging seeds that a round may end with."""
        return max(self.spec.seeds, self.spec.max_seeds or 0)

    def judging_seed(self, position: int) -> int:
        """Return a judging seed by position; those after the first `spec.seeds` are for unclear rounds."""
        return self.spec.seed * 1000 + DIAGNOSING_SEED + 1 + position

    @property
    def diagnosing_seed(self) -> int:
        """Seed of the model that gaps are read from."""
        return self.spec.seed * 1000 + DIAGNOSING_SEED

    @cached_property
    def captioner(self) -> Captioner:
        """The captioner the run chose."""
        if self._captioner is not None:
            return self._captioner()
        built: Captioner = registry.build_part(CAPTIONERS, self.spec.captioner, "captioner", Captioner)
        return built

    @cached_property
    def generator(self) -> Generator:
        """The generator the run chose."""
        collection, folder = self.loaded.collection, self.workspace.folder
        return build_generator(self.spec.generator, self.spec.masks, collection, folder, self.progress)

    @cached_property
    def pool(self) -> GuardedPool:
        """The photos of the run's pool that it may use, see `guard_run_pool`; an empty pool if it has none."""
        found = guard_run_pool(self.loaded, self.spec.pool)
        if self.spec.pool is not None:
            self.say(found.describe())
        return found

    def scorer(self, name: str) -> OutlierScorer:
        """Build an outlier scorer by name."""
        built: OutlierScorer = registry.make_part(SCORERS, name, "scorer", OutlierScorer)
        return built

    @cached_property
    def backbone(self) -> BackboneSpec:
        """The backbone that every trial starts from."""
        from atlantis_core.learning.models.backbones import resolve_backbone

        return resolve_backbone(self.spec.backbone, self.spec.weights, preprocessing=self.spec.preprocessing or 1)

    @cached_property
    def from_scratch(self) -> bool:
        """Whether trials start from random weights; asked by reports, which should not wait for torch."""
        from atlantis_core.learning.models.backbones import starts_from_scratch

        return starts_from_scratch(self.spec.backbone, self.spec.weights)

    @property
    def recipe(self) -> Recipe:
        """How every trial is trained."""
        from atlantis_core.learning.training.presets import recipe_for

        return recipe_for(self.spec.preset, self.spec.backbone, self.backbone)

    @cached_property
    def attack(self) -> Attack | None:
        """The attack on the queries that are measured; None for clean queries."""
        from atlantis_core.learning.attacks import parse_attack

        return parse_attack(self.spec.attack) if self.spec.attack else None

    def without_attack(self) -> Session:
        """Return this session with clean queries; itself, if they are clean."""
        if not self.spec.attack:
            return self
        return Session(
            self.workspace, self.run_id, replace(self.spec, attack=""), self.progress, self._captioner, self.say
        )

    @property
    def synthetic_side_px(self) -> int:
        """Largest short side of synthetic images: twice the training's input, so that crops are still sharp."""
        return 2 * (self.recipe.side_px or self.backbone.input_px)

    @cached_property
    def cache(self) -> ActivationCache:
        """Activations of the frozen lower part of the backbone, shared by all trials."""
        from atlantis_core.learning.inputs.activation_cache import ActivationCache

        return ActivationCache(self.workspace.path("cache", "activations"))

    @property
    def images_left(self) -> float | None:
        """How many images the budget has left; None without a limit."""
        return self.workspace.ledger.left(self.run_id, self.spec.budget)["images"]

    def span(
        self, kind: str, name: str, given: Any = None, parent: int | None = None
    ) -> AbstractContextManager[Span]:
        """Record an event of this run around a `with` block; see `EventStore.span`."""
        return self.workspace.events.span(self.run_id, kind, name, given, parent)

    def write(self, round_index: int, kind: EntryKind[Record], record: Record) -> None:
        """Write a journal entry of this run.

        Raises:
            TypeError: The record is not of the kind's type; that is a bug.
        """
        kind.check(record)
        self.workspace.journal.write(self.run_id, round_index, kind.name, record)

    def read(self, round_index: int, kind: EntryKind[Record]) -> Record | None:
        """Read a journal entry of this run; None where it was not written yet."""
        payload = self.workspace.journal.read(self.run_id, round_index, kind.name)
        return None if payload is None else from_json(kind.type, payload)
