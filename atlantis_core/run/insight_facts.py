"""The numbered facts that a chat model's claims must point to: counts, and in mode `hybrid` the measured gaps."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from atlantis_core.base.text import format_figure
from atlantis_core.captioning.wordcount import count_caption_words
from atlantis_core.data.facets import count_facet_values, facet_value_lists
from atlantis_core.run.insight import InsightFacts, Mode, shorten_name
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.round import read_judged_rounds
from atlantis_core.statistics.counts import gini, max_over_min
from atlantis_core.statistics.findings import GroupGap, group_gaps

if TYPE_CHECKING:
    from atlantis_core.records import Collection, Gap, RunSpec
    from atlantis_core.run.session import Session

MOST_FACTS = 25
MOST_CLASSES = 60
_MOST_FACETS = 8
_MOST_VALUES = 12
_MOST_NAMED = 6
_MOST_ROUNDS = 3
_RESERVED = ("split", "role", "label", "class")


def collect_insight_facts(
    session: Session, gaps: Sequence[Gap], mode: Mode, seen: Sequence[str] = ()
) -> InsightFacts:
    """Collect what a model reads about a run's collection; the measured gaps, worst first, in mode `hybrid` only.

    `seen` are sentences on what a vision model saw.
    """
    collection, captions = session.collection, session.captions
    measured = gaps if mode == "hybrid" else ()
    statistics = session.read(0, JournalKind.STATISTICS)
    pairs = len(statistics.duplicates.within_train) if statistics else 0
    alike = [f"{pairs} pairs of training images are near-duplicates"] if pairs else []
    sentences = [*_sizes(collection), *alike, *_facets(collection), *_describe_task(session)]
    sentences += _describe_baseline(session) if mode == "hybrid" else []
    sentences += [*_describe_confusions(measured), *_describe_rounds(session)]
    sentences += [*seen, *(describe_group(group) for group in group_gaps(measured))]
    return InsightFacts(
        mode=mode,
        goal=session.goal.text,
        facts={f"F{number}": text for number, text in enumerate(sentences[:MOST_FACTS], 1)},
        words=tuple(count_caption_words(captions)),
        num_captions=len(captions),
        classes=_classes(collection, measured),
        facet_values=facet_value_lists(collection),
        taken_names=tuple(dict.fromkeys((*collection.facets, *collection.not_facets, *_RESERVED))),
    )


def describe_group(group: GroupGap, quoted: bool = False) -> str:
    """Return a group's sentence with long names cut, and in quotation marks for a text that is not all data."""

    def named(name: str) -> str:
        return json.dumps(shorten_name(name), ensure_ascii=False) if quoted and name else shorten_name(name)

    names = tuple(map(named, group.class_names))
    return replace(group, facet=named(group.facet), value=named(group.value), class_names=names).sentence


def _sizes(collection: Collection) -> list[str]:
    train = collection.of_split("train")
    counts = Counter(image.label for image in train)
    by_size = sorted(counts.items(), key=lambda pair: (pair[1], pair[0]))
    return [
        f"{len(train)} training and {len(collection.of_split('validation'))} validation images, "
        f"{len(counts)} training classes",
        f"class imbalance: largest over smallest class {max_over_min(counts.values()):.1f}, "
        f"Gini {gini(counts.values()):.2f}",
        f"classes with the fewest training images: {_join_counts(by_size[:_MOST_NAMED])}",
        f"classes with the most training images: {_join_counts(by_size[: -_MOST_NAMED - 1 : -1])}",
    ]


def _facets(collection: Collection) -> list[str]:
    """Return for each facet how many training images its values have, and how many of its cells are empty."""
    train, values = collection.of_split("train"), facet_value_lists(collection)
    num_classes = len({image.label for image in train})
    sentences = []
    for facet in collection.facets[:_MOST_FACETS]:
        counted = count_facet_values(train, facet)
        cells = {(image.label, image.facets[facet]) for image in train if facet in image.facets}
        fewest = sorted(values[facet], key=lambda value: (counted[value], value))[:_MOST_VALUES]
        empty = num_classes * len(values[facet]) - len(cells)
        sentences.append(
            f"facet {shorten_name(facet)}, training images, fewest first: "
            f"{_join_counts([(v, counted[v]) for v in fewest])}; "
            f"{empty} of {num_classes * len(values[facet])} cells class x value have none"
        )
    return sentences


def _describe_baseline(session: Session) -> list[str]:
    """Return the baseline's Recall@1 overall and by facet value: what a gap is to be compared with."""
    found = session.read(0, JournalKind.BASELINE)
    if found is None:
        return []
    frozen = session.read(0, JournalKind.FROZEN)
    untrained = f"; without training it is {format_figure(frozen.recall_at[1])}" if frozen else ""
    sentences = [
        f"the baseline's Recall@1 is {format_figure(found.recall_at[1])} over {found.queries} queries{untrained}"
    ]
    for facet, values in list(found.per_facet.items())[:_MOST_FACETS]:
        worst = sorted(values.items(), key=lambda item: item[1].value)[:_MOST_VALUES]
        listed = ", ".join(f"{shorten_name(value)} {one.value:.3f} ({one.count})" for value, one in worst)
        sentences.append(
            f"the same by {shorten_name(facet)} (queries): {listed}"
            + (", the only value" if len(values) == 1 else "")
        )
    return sentences


def _describe_task(session: Session) -> list[str]:
    """Return which validation images ask and which are searched, and what a round may do."""
    sides = describe_sides(session.spec)
    return [*([sides] if sides else []), f"remedies that a round may try: {', '.join(session.spec.remedies)}"]


def describe_sides(spec: RunSpec) -> str:
    """Say which validation images ask and which are searched; empty if all do both."""
    sides = [
        f"{name} {shorten_name('='.join(side))}"
        for name, side in (("queries are images with", spec.query), ("only searched are images with", spec.gallery))
        if side
    ]
    return "; ".join(sides)


def _describe_confusions(gaps: Sequence[Gap]) -> list[str]:
    confused = [gap for gap in gaps if gap.confused_with][:_MOST_NAMED]
    pairs = (
        f"{shorten_name(gap.cell.class_name or f'{gap.cell.facet}={gap.cell.value}')} as "
        f"{', '.join(map(shorten_name, gap.confused_with[:2]))}"
        for gap in confused
    )
    return [f"missed queries come back as another class: {'; '.join(pairs)}"] if confused else []


def _describe_rounds(session: Session) -> list[str]:
    return [
        f"round {judged.index}, {judged.protocol.remedy}: {'kept' if judged.is_kept else 'rolled back'}, "
        f"{judged.decision.reason}"
        for judged in read_judged_rounds(session)[-_MOST_ROUNDS:]
    ]


def _join_counts(counts: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{shorten_name(name)} {count}" for name, count in counts)


def _classes(collection: Collection, gaps: Sequence[Gap]) -> tuple[str, ...]:
    """Return training classes: those with gaps first, then those with the fewest images."""
    counts = Counter(image.label for image in collection.of_split("train"))
    worst = [gap.cell.class_name for gap in gaps if gap.cell.class_name in counts]
    rest = sorted(counts, key=lambda name: (counts[name], name))
    return tuple(dict.fromkeys([*worst, *rest]))[:MOST_CLASSES]
