"""Arms of this workspace with a run's recipe on its collection: the spread of seeds is learned from them.

Only arms whose models were measured on the same queries and gallery count; nothing is measured for this.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from atlantis_core.base.serialization import from_json
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.measurements import find_outcomes
from atlantis_core.run.models import split_model

if TYPE_CHECKING:
    from atlantis_core.metrics.outcomes import QueryOutcomes
    from atlantis_core.records import RunSpec
    from atlantis_core.run.session import Session

_COMPARED = ("baseline", "incumbent", "candidate")


def load_history(session: Session, besides: Collection[str] = ()) -> list[list[QueryOutcomes]]:
    """Return the outcomes of other arms by seed; `besides` has the models that are compared, which do not count."""
    used = {split_model(model)[0] for model in besides}
    arms = [models for models in _list_arms(session) if not used & {split_model(model)[0] for model in models}]
    loaded = ([find_outcomes(session, model) for model in models] for models in arms)
    measured = [[found for found in outcomes if found is not None] for outcomes in loaded]
    return [outcomes for outcomes in measured if len(outcomes) > 1]


def _list_arms(session: Session) -> list[Sequence[str]]:
    """Return the models of each arm of the workspace with this recipe; an arm that grew counts once, in full."""
    longest: dict[str, Sequence[str]] = {}
    for models in _iterate_arms(session):
        known = longest.get(models[0], ())
        longest[models[0]] = models if len(models) > len(known) else known
    return [longest[name] for name in sorted(longest)]


def _iterate_arms(session: Session) -> Iterator[Sequence[str]]:
    own = _training_settings(session.spec)
    for run in session.workspace.runs.all():
        if _training_settings(run.spec) != own:
            continue
        for entries in session.workspace.journal.rounds(run.id).values():
            if JournalKind.ARMS.name in entries:
                arms = from_json(JournalKind.ARMS.type, entries[JournalKind.ARMS.name])
                yield from (arms[name] for name in _COMPARED if len(arms.get(name, ())) > 1)


def _training_settings(spec: RunSpec) -> tuple[object, ...]:
    """Return what two runs share whose trainings spread alike."""
    return spec.collection_id, spec.preset, spec.backbone, spec.weights, spec.preprocessing, spec.regime
