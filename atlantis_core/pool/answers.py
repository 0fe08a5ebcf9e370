"""What a person's answers about a few photos of a pool say about the others."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np

from atlantis_core.pool.held_out import HeldOut, Labelled, Unlabelled
from atlantis_core.pool.pseudo_labels import USUAL, PseudoLabel, PseudoLabelOptions, PseudoLabels, pseudo_label
from atlantis_core.records import NONE_OF_THESE

BY_PERSON = "a person said so"


def spread_answers(
    answers: Mapping[int, str],
    train: Labelled,
    pool: Unlabelled,
    held_out: Sequence[HeldOut],
    options: PseudoLabelOptions = USUAL,
    rejected: Collection[int] = (),
) -> PseudoLabels:
    """Label a pool of which a person named some photos; those count as labelled photos like the training photos.

    An answer spreads as any label does: a photo gets it only where its neighbours and its cluster agree and the
    expected share of right ones allows it. Photos that a person says show none of the known classes are not labelled.

    Args:
        answers: Row of the pool -> class, perhaps a new one, or `NONE_OF_THESE`.
        train: See `pseudo_label`, as for the others.
        pool: The whole pool.
        held_out: Where the worth of a confidence is learnt.
        options: How many are accepted.
        rejected: Rows of the pool that a person rejected.

    Returns:
        The pseudo-labels of the whole pool; named photos are accepted, with rate 1, and belong to no class's limit.
        Rows of `PseudoLabel.nearest` from N on, the number of training photos, are named photos, in their order.
    """
    named = {row: name for row, name in answers.items() if name != NONE_OF_THESE}
    rows = list(named)
    known = Labelled(
        np.concatenate([train.embeddings, pool.embeddings[rows]]),
        np.concatenate([train.labels, np.array([named[row] for row in rows], dtype=train.labels.dtype.type)]),
    )
    useless = [row for row, name in answers.items() if name == NONE_OF_THESE]
    found = pseudo_label(known, pool, held_out, options, [*rejected, *useless, *rows])
    every = [_apply(one, named) for one in found.every]
    return PseudoLabels(tuple(every), found.calibration)


def _apply(one: PseudoLabel, named: Mapping[int, str]) -> PseudoLabel:
    """Return a pseudo-label, or what a person said in its place."""
    if one.row not in named:
        return one
    name = named[one.row]
    return replace(one, class_name=name, rate=1.0, confidence=1.0, accepted=True, reason=BY_PERSON)
