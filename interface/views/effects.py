"""What groups of images did, and one image's trace, on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import clean_text
from atlantis_dml.text.figures import format_cell, format_gain
from atlantis_dml.views.tables import build_table, stdout_console

Facts = Mapping[str, Any]

_LONGEST = 300
_HEADERS = ("group", "", "images", "effect on all queries", "effect on its own cells")


def show_effects(found: Facts) -> None:
    """Print a table of groups with their effects."""
    console = stdout_console()
    console.print(
        f"Round {found['round']} of run {found['run_id']}, trained with seed {found['seed']} without each group in "
        "turn: Recall@1 with all images less that without the group",
        markup=False,
        soft_wrap=True,
    )
    console.print(build_table(_HEADERS, [_row(one) for one in found["groups"]], right=(2,)))
    console.print("One seed, and many groups: these effects show where to look; they prove nothing.", markup=False)


def show_image_trace(found: Facts) -> None:
    """Print where an image came from, what was decided about it, and what its groups did."""
    console = stdout_console()
    for lines, effects in _list_parts(found):
        for line in lines:
            console.print(clean_text(line, _LONGEST), markup=False, soft_wrap=True)
        if effects:
            console.print(build_table(_HEADERS, [_row(one) for one in effects], right=(2,)))


def describe_image_trace(found: Facts) -> list[str]:
    """Return the same as lines, the effects of groups too."""
    parts = _list_parts(found)
    return [line for lines, effects in parts for line in (*lines, *(" | ".join(_row(one)) for one in effects))]


def _list_parts(found: Facts) -> Iterator[tuple[list[str], Sequence[Facts]]]:
    """Yield lines, each part with the effects that are shown below it."""
    yield list(_tell_origin(found)), ()
    for use in found["uses"]:
        yield list(_tell_use(use)), use["effects"]
    yield (
        [
            f"near: {one['image']['label']} ({one['image']['id']}, {one['nearness']:.3f}) {one['image']['path']}"
            for one in found["nearest"]
        ],
        (),
    )


def _tell_origin(found: Facts) -> Iterator[str]:
    image, source = found["image"], found["source"]
    yield f"image {image['key']}: {format_cell(image['cell'])}"
    yield f"file: {image['path']}"
    yield f"made by {image['generator']} with seed {image['seed']}, settings {dict(image['settings'])}"
    yield f"prompt: {image['prompt'] or 'none'}"
    if source:
        yield f"source: {source['label']} ({source['id']}) {source['path']}"
    elif image["source_id"]:
        yield f"source: {image['source_id']}, no training image"


def _tell_use(use: Facts) -> Iterator[str]:
    protocol, verdict, decision = use["protocol"], use["verdict"], use["decision"]
    if protocol:
        yield f"round {use['round']}, protocol {protocol['id']}: {protocol['reason']}"
    if verdict:
        by = "hand" if use["by_hand"] else verdict["filter"]
        yield f"{use['status']} by {by}, score {verdict['score']:.3f}: {verdict['reason']}"
    else:
        yield "not screened yet"
    yield (
        "the round's candidate was trained on it" if use["trained_on"] else "no model of this round was trained on it"
    )
    if decision:
        yield f"round {use['round']} was {'kept' if decision['kept'] else 'rolled back'}: {decision['reason']}"
    if not use["effects"] and use["trained_on"]:
        yield f"what its groups did was not measured; see `atlantis effect RUN --round {use['round']}`"


def _row(effect: Facts) -> tuple[str, ...]:
    own = format_gain(effect["own"]) if effect["own"] else "no query"
    count = count_noun(len(effect["keys"]), "image").split()[0]
    return (effect["name"], effect["kind"], count, format_gain(effect["overall"]), own)
