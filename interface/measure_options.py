"""Options that only `atlantis evaluate` has: what is measured, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from atlantis_core.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atlantis_core.learning.attacks import Attack

Model = Annotated[
    str,
    typer.Argument(metavar="MODEL", help="A trial, a run (its final model), a safetensors file, a timm name."),
]
At = Annotated[str, typer.Option("--at", metavar="K,K", help="The K of Recall@K.")]
Embedding = Annotated[
    str | None,
    typer.Option(
        "--embedding",
        metavar="head|body",
        help="What is searched by; body: features below the head.",
    ),
]
DistanceName = Annotated[
    str,
    typer.Option(
        "--distance", metavar="auto|cosine|euclidean|hyperbolic:C", help="auto: what MODEL was trained for."
    ),
]
LeaveOut = Annotated[
    str | None,
    typer.Option(
        "--leave-out", metavar="COL", help="A query does not search images of its own value (visit, camera, object)."
    ),
]
Junk = Annotated[
    str | None,
    typer.Option("--junk", metavar="COL", help="The same for images of its own class only, as in re-identification."),
]
WithNmi = Annotated[bool, typer.Option("--nmi", help="Also cluster all images and compare clusters with classes.")]
AttackName = Annotated[
    str | None, typer.Option("--attack", metavar="fgsm|pgd", help="Also measure with attacked queries.")
]
Epsilon = Annotated[
    float | None, typer.Option("--epsilon", help="Most change of a pixel's channel, of 0..255; else 2.")
]
AttackSteps = Annotated[int | None, typer.Option("--attack-steps", help="Gradients of pgd; else 10.")]
AttackAim = Annotated[
    str | None,
    typer.Option(
        "--attack-aim",
        metavar="wrong|away",
        help="wrong (if not given): to the nearest of another class; away: just away (pgd, untargeted).",
    ),
]
AttackSeed = Annotated[int | None, typer.Option("--seed", min=0, help="Of pgd's random starts; else 0.")]

_FIELDS = {"epsilon": "epsilon", "attack-steps": "steps", "step-size": "step", "seed": "seed"}
"""Option -> field of `Attack`."""
_OF_PGD = ("attack-steps", "step-size", "seed")


def numbers(text: str) -> tuple[int, ...]:
    """Read `1,10,100`.

    Raises:
        SetupError: It is no list of whole numbers.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isascii() and part.isdecimal() and int(part) for part in parts):
        raise SetupError(f"--at {text!r} is no list of whole numbers from 1 up; write it like --at 1,10,100")
    return tuple(sorted({int(part) for part in parts}))


def attack_if_asked(name: str | None, given: Mapping[str, Any]) -> Attack | None:
    """Return the attack that is asked for, if any.

    Args:
        name: Of the attack; None for none.
        given: Option -> value; None where it was left out.

    Raises:
        SetupError: As `attack`, or there is no attack whose options were given.
    """
    if name is not None:
        return attack(name, given)
    for option, value in given.items():
        if value is not None:
            raise SetupError(f"{option} {value} is of an attack, and none is asked for; name one: fgsm or pgd")
    return None


def attack(name: str, given: Mapping[str, Any]) -> Attack:
    """Return an attack.

    Args:
        name: `fgsm` or `pgd`.
        given: Option -> value; None where it was left out.

    Raises:
        SetupError: There is none of that name or strength, or fgsm does not use an option.
    """
    from atlantis_core.learning.attacks import Attack

    told = {option: value for option, value in given.items() if value is not None}
    if unused := [option for option in _OF_PGD if option in told and name == "fgsm"]:
        raise SetupError(f"{unused[0]} is of the attack pgd; fgsm takes one step as long as epsilon")
    return Attack(name, **{_FIELDS[option]: value for option, value in told.items() if option in _FIELDS})
