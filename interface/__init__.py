"""ATLANTIS: a data engineer for image search.

From Python, with the answers that the commands print with --json:

```python
import atlantis_dml

found = atlantis_dml.train("photos/", "full", seeds=3)
print(found["recall_at_1"], atlantis_dml.evaluate(found["trials"][0]["id"], "photos/")["intervals"])
retriever = atlantis_dml.load_retriever(found["trials"][0]["id"])  # or a run, a safetensors file, a timm name
vectors = retriever.embed(["a.jpg", "b.jpg"])
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from atlantis_core.learning.retriever import Retriever
    from atlantis_core.records import Regime

__version__ = "0.1.0"


def load_retriever(model: str | Path, workspace: str | Path | None = None) -> Retriever:
    """Load a retriever to embed images with.

    Args:
        model: A run id (its final model, first judging seed), a trial id, both also by their first characters,
            a checkpoint folder, a safetensors file with its `.json` beside it, or a timm name.
        workspace: Folder in which runs and trials are looked up; None takes `ATLANTIS_WORKSPACE`.

    Raises:
        SetupError: Nothing of the kind, or a damaged file.
    """
    from atlantis_dml.retrievers import find_retriever

    return find_retriever(str(model), workspace)


def train(
    data: str | Path,
    preset: str = "auto",
    *,
    seeds: int = 1,
    seed: int = 0,
    backbone: str | None = None,
    weights: str | Path | None = None,
    regime: Regime = "seen",
    workspace: str | Path | None = None,
) -> dict[str, Any]:
    """Train a retriever on the training split of a collection and measure it on validation, as `atlantis train` does.

    Args:
        data: A collection's folder, or a bundled name.
        preset: A preset's name, alone or with changes: `full?steps=300&loss=supcon`.
        seeds: Trainings, of which mean and spread are told.
        seed: The first seed.
        backbone: A timm name, or a short name; None takes a small pretrained model.
        weights: A safetensors file with its `.json` beside it.
        regime: `seen` or `unseen` classes.
        workspace: Folder that keeps the trainings; None takes `ATLANTIS_WORKSPACE`.

    Returns:
        What `atlantis train --json` prints.

    Raises:
        SetupError: Anything a person must mend.
    """
    from pathlib import Path

    from atlantis_core.data.reading import ReadOptions
    from atlantis_core.records import Budget, Goal, RunSpec
    from atlantis_dml.assembly import Asked
    from atlantis_dml.train_command import trained

    spec = RunSpec(
        collection_id="",
        data=str(data),
        goal=Goal(""),
        budget=Budget(),
        preset=preset,
        seeds=seeds,
        seed=seed,
        backbone=backbone,
        weights=None if weights is None else str(weights),
        regime=regime,
    )
    return trained(Asked(str(data), "", ReadOptions(), spec), None if workspace is None else Path(workspace))


def evaluate(
    model: str | Path,
    data: str | Path,
    *,
    at: tuple[int, ...] = (1, 2, 4, 8),
    embedding: str | None = None,
    distance: str = "auto",
    leave_out: str | None = None,
    nmi: bool = False,
    attack: str | None = None,
    epsilon: float = 2.0,
    regime: Regime = "seen",
    workspace: str | Path | None = None,
) -> dict[str, Any]:
    """Measure a model on the validation queries of a collection, as `atlantis evaluate` does.

    Args:
        model: As `load_retriever` takes it.
        data: A collection's folder, or a bundled name.
        at: The K of Recall@K.
        embedding: `head` or `body`; None takes what the model was trained for.
        distance: `cosine`, `euclidean`, `hyperbolic:C`, or `auto`, that of the model's head.
        leave_out: Facet of which a query's own value is not searched.
        nmi: Whether to compare clusters with classes too.
        attack: `fgsm` or `pgd`: measure with attacked queries too.
        epsilon: Most change of a pixel's channel by the attack, of 0..255.
        regime: `seen` or `unseen` classes.
        workspace: Folder in which runs and trials are looked up; None takes `ATLANTIS_WORKSPACE`.

    Returns:
        What `atlantis evaluate --json` prints.

    Raises:
        SetupError: Anything a person must mend.
    """
    from pathlib import Path

    from atlantis_core.data.reading import ReadOptions
    from atlantis_core.examination import Question
    from atlantis_core.learning.attacks import Attack
    from atlantis_dml.measuring import Subject, evaluation

    question = Question(at, distance, leave_out, nmi, Attack(attack, epsilon) if attack else None)
    subject = Subject(str(model), str(data), ReadOptions(), regime, embedding=embedding)
    return evaluation(subject, question, None if workspace is None else Path(workspace))


def export(model: str | Path, folder: str | Path, *, onnx: bool = False, workspace: str | Path | None = None) -> Path:
    """Write a model to a new folder, with a card, and ONNX if asked, as `atlantis export` does; return the folder.

    Raises:
        SetupError: Nothing of the kind, a folder that is there, or an ONNX file that does not compute the same.
    """
    from pathlib import Path

    from atlantis_core.exporting.bundle import export_retriever
    from atlantis_dml.retrievers import locate

    return export_retriever(locate(str(model), workspace), Path(folder), onnx=onnx).folder
