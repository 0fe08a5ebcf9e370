"""`atlantis evaluate` as a function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from atlantis_dml.api.argument_types import Choice, Where, as_folder, checked


@checked
def evaluate(
    model: Where,
    data: Where,
    *,
    at: Sequence[int] = (1, 2, 4, 8),
    embedding: str | None = None,
    distance: str = "auto",
    leave_out: str | None = None,
    junk: str | None = None,
    nmi: bool = False,
    attack: str | None = None,
    epsilon: float | None = None,
    attack_steps: int | None = None,
    attack_aim: str | None = None,
    seed: int | None = None,
    serving: str | None = None,
    pool: Where | None = None,
    regime: str = "seen",
    label: str | None = None,
    split: str | None = None,
    facets: Sequence[str] | None = None,
    query: Choice | None = None,
    gallery: Choice | None = None,
    workspace: Where | None = None,
) -> dict[str, Any]:
    """Measure a model on the validation queries of a collection; the test split stays sealed.

    Args:
        model: See `load_retriever`.
        data: A folder of class folders, a folder with `metadata.csv` or `.jsonl`, or a bundled name.
        at: The K of Recall@K.
        embedding: `head`, `body`, or None for what the model was trained for.
        distance: `auto` is the model's own; else a name as `atlantis evaluate --distance` takes it.
        leave_out: Metadata column; gallery images with the query's own value are excluded.
        junk: The same, but only images of the query's class, as in re-identification.
        nmi: Whether to cluster too, which takes longer than everything else.
        attack: `fgsm` or `pgd`: measure with attacked queries too.
        epsilon: Largest change of a pixel's channel (0 to 255) by the attack; None takes 2.
        attack_steps: Gradient steps of `pgd`; None takes 10.
        attack_aim: `wrong` (default): to the nearest image of another class; `away` (`pgd` only): from its own class.
        seed: Of the random starts of `pgd`; None takes 0.
        serving: Such as `csls+prototypes`; None takes that of the run that `model` names; empty: the nearest photo.
        pool: Folder of unlabelled photos that the serving is fitted on; None takes training photos.
        regime: `seen` or `unseen`.
        label: Metadata column with the class.
        split: Metadata column with train, validation or test.
        facets: Metadata columns to use as facets; None uses all.
        query: Column and value: only these validation images are queries.
        gallery: Column and value: only these images are searched.
        workspace: Folder that stores everything; None takes `ATLANTIS_WORKSPACE`.

    Returns:
        What `atlantis evaluate --json` prints: `recall_at` (by K as text), `trained_on` and more; None: no value.

    Raises:
        SetupError: A setting, the model or the data has to be fixed, as where no query has a positive.
    """
    from atlantis_core.workflows.evaluate import EvaluationRequest
    from atlantis_dml.app.evaluate import ServedBy, Subject, evaluate_model, parse_attack
    from atlantis_dml.app.request import TaskOptions, parse_regime

    options = {"epsilon": epsilon, "attack-steps": attack_steps, "attack-aim": attack_aim, "seed": seed}
    parsed, aim = parse_attack(attack, options), attack_aim or "wrong"
    request = EvaluationRequest(tuple(at), distance, leave_out, nmi, parsed, aim, junk)
    columns = None if facets is None else tuple(facets)
    task = TaskOptions(
        regime=parse_regime(regime), label=label, split=split, facets=columns, query=query, gallery=gallery
    )
    served = ServedBy(serving, None if pool is None else str(pool))
    return evaluate_model(Subject(str(model), str(data), task, embedding), request, as_folder(workspace), served)
