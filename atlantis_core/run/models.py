"""Models of an arm: a trial, and the serving with which it is searched.

A model is written as the trial's id, or as `ID@SERVING`. Arms in the journal contain such names, so whatever reads an
arm measures it as it is searched.
"""

from __future__ import annotations

_SIGN = "@"


def name_model(trial_id: str, serving: str) -> str:
    """Return the name of a trial that is searched with a serving; an empty serving is plain nearest neighbours."""
    return f"{trial_id}{_SIGN}{serving}" if serving else trial_id


def split_model(name: str) -> tuple[str, str]:
    """Return the trial id and the serving of a model."""
    trial_id, _, serving = name.partition(_SIGN)
    return trial_id, serving
