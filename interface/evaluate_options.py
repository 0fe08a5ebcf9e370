"""Options of `atlantis evaluate` beyond where to look, and what they were set to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from atlantis_core.errors import SetupError

if TYPE_CHECKING:
    from atlantis_core.data.reading import ReadOptions
    from atlantis_core.evaluation_report import EvaluationSpec, LeaveOut
    from atlantis_core.records import Collection

Model = Annotated[
    str,
    typer.Argument(metavar="MODEL", help="A trial, a run (its final model), a safetensors file, a timm name."),
]
At = Annotated[str, typer.Option("--at", metavar="K,K", help="The K of Recall@K, e.g. 1,10,100.")]
Embedding = Annotated[
    str | None,
    typer.Option(
        "--embedding",
        metavar="head|body",
        help="body: the unit-length pooled features below the head; else what the model was trained to be used by.",
    ),
]
DistanceName = Annotated[
    str,
    typer.Option(
        "--distance",
        metavar="auto|cosine|euclidean|hyperbolic:C",
        help="By what the gallery is sorted; auto: what the embeddings were made for.",
    ),
]
LeaveOutColumn = Annotated[
    str | None,
    typer.Option(
        "--leave-out",
        metavar="COL",
        help="Images that share the query's value of this column (visit, object, camera) are not searched.",
    ),
]
JunkColumn = Annotated[
    str | None,
    typer.Option(
        "--junk", metavar="COL", help="The same for images of the query's own class only, as in re-identification."
    ),
]
WithNmi = Annotated[bool, typer.Option("--nmi", help="Also cluster all images and report NMI; takes longer.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of the bootstrap and of the clusters.")]


@dataclass(frozen=True, slots=True)
class Ruler:
    """How a model is to be measured, as typed."""

    at: str = "1,2,4,8"
    distance: str = "auto"
    leave_out: str | None = None
    junk: str | None = None
    nmi: bool = False
    seed: int = 0

    def spec(self) -> EvaluationSpec:
        """Return what is asked, short of what needs the collection.

        Raises:
            SetupError: The K or the distance cannot be understood.
        """
        from atlantis_core.evaluation_report import EvaluationSpec

        return EvaluationSpec(at=_numbers(self.at), distance=self.distance, with_nmi=self.nmi, seed=self.seed)

    def leaving_out(self, collection: Collection, read: ReadOptions) -> tuple[LeaveOut, ...]:
        """Return the leave-out rules, with the values of their columns.

        Raises:
            SetupError: There is no such column, or classes do not differ within it.
        """
        from atlantis_core.data.columns import dividing_values
        from atlantis_core.evaluation_report import LeaveOut

        asked = (("--leave-out", self.leave_out, False), ("--junk", self.junk, True))
        return tuple(
            LeaveOut(column, dividing_values(collection, read, column, option), own_class_only)
            for option, column, own_class_only in asked
            if column is not None
        )


def _numbers(text: str) -> tuple[int, ...]:
    """Read `1,10,100`, in rising order, each once."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isascii() and part.isdecimal() and int(part) for part in parts):
        raise SetupError(f"--at {text!r} is no list of whole numbers from 1 up; write it like --at 1,10,100")
    return tuple(sorted({int(part) for part in parts}))
