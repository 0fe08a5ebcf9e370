"""Options that only `atlantis evaluate` has: what is measured, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from atlantis_core.errors import SetupError

if TYPE_CHECKING:
    from atlantis_core.learning.attacks import Attack

Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="A trial, a run (its final model), a safetensors file, a timm name.")
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
    typer.Option("--leave-out", metavar="COL", help="A query does not search images of its own value of this facet."),
]
WithNmi = Annotated[bool, typer.Option("--nmi", help="Also cluster all images and compare clusters with classes.")]
AttackName = Annotated[
    str | None, typer.Option("--attack", metavar="fgsm|pgd", help="Also measure with attacked queries.")
]
Epsilon = Annotated[float, typer.Option("--epsilon", help="Most change of a pixel's channel, of 0..255.")]
AttackSteps = Annotated[int, typer.Option("--attack-steps", help="Gradients of pgd.")]
AttackAim = Annotated[
    str,
    typer.Option(
        "--attack-aim", metavar="wrong|away", help="To the nearest of another class, or just away (pgd, untargeted)."
    ),
]
AttackSeed = Annotated[int, typer.Option("--seed", min=0, help="Of pgd's random starts.")]


def numbers(text: str) -> tuple[int, ...]:
    """Read `1,10,100`.

    Raises:
        SetupError: It is no list of whole numbers.
    """
    try:
        return tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError as error:
        raise SetupError(f"--at {text!r} is no list of whole numbers; write it like --at 1,10,100") from error


def attack(name: str | None, epsilon: float, steps: int, seed: int) -> Attack | None:
    """Return the attack that is asked for, if any.

    Raises:
        SetupError: There is none of that name or strength.
    """
    from atlantis_core.learning.attacks import Attack

    return None if name is None else Attack(name, epsilon, steps, seed)
