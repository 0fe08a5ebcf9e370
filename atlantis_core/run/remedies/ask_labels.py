"""Ask labels: a person names a few photos of the pool, those that tell most, and the answers are spread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.run.answers import find_answers
from atlantis_core.run.remedies.self_train import SelfTrain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.records import Offer
    from atlantis_core.run.round import JudgedRound
    from atlantis_core.run.session import Session


class AskLabels(SelfTrain):
    """Photos that a person named, and those that are then sure: `ask_labels`, `:gallery` or `:both`."""

    name = "ask_labels"
    can = "add photos of the pool whose class a person names"
    cannot = "add what no photo of the pool shows"
    asks = True
    _shows = "photos of the pool that a person named, and those like them"

    def list_offers(self, session: Session) -> Sequence[Offer]:
        """Return each use of the photos; none if nobody has answered."""
        return super().list_offers(session) if session.spec.answers is not None or find_answers(session) else []

    def _knew_as_much(self, session: Session, judged: JudgedRound) -> bool:
        """Whether no answer was kept since the round."""
        return session.spec.answers is not None or set(find_answers(session)) <= set(judged.answers)
