"""Records that cross package borders: frozen and JSON-able, with images and tensors as paths.

`base.serialization` converts them to plain data and back; the store and the graph's state contain nothing else.
"""

from __future__ import annotations

from atlantis_core.records.answer import NONE_OF_THESE, Answer, PhotoQuestion
from atlantis_core.records.collection import (
    Caption,
    Cell,
    Collection,
    FileCount,
    LabelledImage,
    Problem,
    Regime,
    Role,
    Split,
)
from atlantis_core.records.generation import (
    Candidate,
    CellRequest,
    GenerationMode,
    GenerationRequest,
    Protocol,
    Verdict,
)
from atlantis_core.records.measurement import (
    Cause,
    Comparison,
    Forecast,
    GainVerdict,
    Gap,
    Interval,
    Measurement,
    Trial,
    TrialOrigin,
)
from atlantis_core.records.moves import MovedCell, NewConfusion, RoundMoves
from atlantis_core.records.recipe_choice import RecipeChoice, RecipeTried
from atlantis_core.records.remedy import AnswerForecast, EarlierRound, GapGroup, GroupGain, Offer, Pilot
from atlantis_core.records.round import Arms, BaselineComparison, Constraints, Critique, Decision, Response, RunEnd
from atlantis_core.records.run_spec import Budget, Goal, Price, RunSpec
from atlantis_core.records.searching import Hit, IndexFacts, IndexUpdate

__all__ = [
    "NONE_OF_THESE",
    "Answer",
    "AnswerForecast",
    "Arms",
    "BaselineComparison",
    "Budget",
    "Candidate",
    "Caption",
    "Cause",
    "Cell",
    "CellRequest",
    "Collection",
    "Comparison",
    "Constraints",
    "Critique",
    "Decision",
    "EarlierRound",
    "FileCount",
    "Forecast",
    "GainVerdict",
    "Gap",
    "GapGroup",
    "GenerationMode",
    "GenerationRequest",
    "Goal",
    "GroupGain",
    "Hit",
    "IndexFacts",
    "IndexUpdate",
    "Interval",
    "LabelledImage",
    "Measurement",
    "MovedCell",
    "NewConfusion",
    "Offer",
    "PhotoQuestion",
    "Pilot",
    "Price",
    "Problem",
    "Protocol",
    "RecipeChoice",
    "RecipeTried",
    "Regime",
    "Response",
    "Role",
    "RoundMoves",
    "RunEnd",
    "RunSpec",
    "Split",
    "Trial",
    "TrialOrigin",
    "Verdict",
]
