"""Options that only `atlantis evaluate` has: what is measured, and how."""

from __future__ import annotations

from typing import Annotated

import typer

from atlantis_core.base.errors import SetupError

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


def parse_numbers(text: str) -> tuple[int, ...]:
    """Read `1,10,100`.

    Raises:
        SetupError: It is no list of whole numbers.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isascii() and part.isdecimal() and int(part) for part in parts):
        raise SetupError(f"--at {text!r} is no list of whole numbers from 1 up; write it like --at 1,10,100")
    return tuple(sorted({int(part) for part in parts}))
