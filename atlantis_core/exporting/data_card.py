"""The data card of exported images: Markdown with the front matter of Hugging Face's hub."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from atlantis_core.base.plural import count_noun
from atlantis_core.data.column_syntax import format_column
from atlantis_core.exporting.markdown import code_span, markdown_table
from atlantis_core.run.verdicts import describe_overrides

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_MAX_CLASSES = 50
_FILTERS = {
    "unreadable": "the file cannot be decoded",
    "leak_guard": "it, or the photo it was made from, is a near-duplicate of a validation or test image",
    "blank": "next to nothing is on it",
    "caption": "a captioner sees another class or another facet value than was asked for",
    "diversity": "its cosine to an image kept before is higher: a copy to the model",
}
_OUTLIERS = "outlier scorer: how little an image belongs to its class among the real ones"
_MODES = {
    "text_to_image": "drawn from words alone",
    "edit": "made from a real training photo of the collection: what it shows, and the rights in it, live on here",
    "retrieve": "real photos from an unlabelled pool: nobody made them, and the rights are their owners'",
}


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """What a card tells."""

    images: int
    classes: Mapping[str, int]
    """Class -> images, sorted by name."""
    facets: tuple[str, ...]
    arms: Mapping[str, int]
    """`text_to_image`, `edit`, `retrieve` -> images."""
    generators: tuple[str, ...]
    """With versions."""
    weights: Mapping[str, str]
    """Model or add-on -> what is known of its licence; may be empty."""
    limits: Mapping[str, tuple[str, ...]]
    """Filter -> limits of its score."""
    kept_by_hand: Mapping[str, int]
    """Filter -> images that a person kept against it."""
    rounds: Sequence[Mapping[str, Any]]
    """As `export_images` returns them."""
    changes: Mapping[int, Mapping[str, Any]]
    """Round -> its entry of the run's summary."""
    over_baseline: Mapping[str, Any] | None
    """The final model against real images only."""
    seeds: int
    regime: str
    test: Mapping[str, Any] | None
    """None where the test split is still sealed."""


def write_data_card(told: DatasetFacts) -> str:
    """Return the card; whatever came from a file or a model is in code spans."""
    parts = [
        _front_matter(told),
        f"# {count_noun(told.images, 'synthetic training image')} for image retrieval",
        _describe_images(told),
        *_generation_section(told),
        *_filtering_section(told),
        *_effect_section(told),
        _usage_section(told),
        _classes_section(told),
        _limits_section(told),
        _licence_section(told),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(told: DatasetFacts) -> str:
    size = next((name for most, name in _SIZES if told.images < most), "n>1M")
    lines = ["---", f'pretty_name: "{count_noun(told.images, "synthetic image")} for image retrieval"']
    lines += ["task_categories:", "- image-feature-extraction", "- image-classification"]
    lines += ["annotations_creators:", "- machine-generated", "size_categories:", f"- {size}", "tags:"]
    lines += [f"- {tag}" for tag in ("synthetic", "image-retrieval", "atlantis")]
    lines += ["# license: yours to choose before you publish; see the section on it below", "---"]
    return "\n".join(lines)


def _describe_images(told: DatasetFacts) -> str:
    facets = ", ".join(code_span(facet) for facet in told.facets) or "no facet"
    return (
        f"Made by ATLANTIS to mend where an image search fails: {count_noun(told.images, 'image')} of "
        f"{count_noun(len(told.classes), 'class', 'classes')}, each asked for to fill a gap (a class at a value of "
        f"{facets}). {_filter_note(told.kept_by_hand)} `train/metadata.csv` says with which prompt, seed, "
        "generator and "
        "model each was made, in which round, and how the filters scored it (higher is worse). What it was asked to "
        "show is no proof that it shows it."
    )


def _filter_note(kept_by_hand: Mapping[str, int]) -> str:
    if not kept_by_hand:
        return "Only images that passed every filter are here."
    count = count_noun(sum(kept_by_hand.values()), "image")
    against = _join_names(kept_by_hand)
    return f"Every image passed every filter, but for {count} kept by hand against {against} (`by_hand` is `yes`)."


def _join_names(filters: Iterable[str]) -> str:
    return " and ".join(map(code_span, filters))


def _generation_section(told: DatasetFacts) -> Iterator[str]:
    yield "## How they were made"
    yield "\n".join(f"- {count:,} {_MODES.get(arm, code_span(arm))}." for arm, count in told.arms.items())
    named = ", ".join(map(code_span, told.generators))
    yield f"By {named}; what follows the name is its version, one address of all that decides the picture."
    if told.weights:
        rows = [
            (code_span(name), code_span(licence) if licence else "not known here")
            for name, licence in told.weights.items()
        ]
        yield markdown_table(("Weights", "Licence, as far as it is known here"), rows)


def _filtering_section(told: DatasetFacts) -> Iterator[str]:
    names = dict.fromkeys([*told.limits, *(name for row in told.rounds for name in row["rejected_by"])])
    yield "## What was made, kept and thrown away"
    yield markdown_table(
        ("Round", "Outcome", "Made", "Passed the filters", "Rejected by", "In this folder"),
        [
            (
                str(row["index"]),
                row["outcome"],
                f"{row['made']:,}",
                f"{row['passed']:,}",
                ", ".join(f"{code_span(name)} {count:,}" for name, count in row["rejected_by"].items()) or "none",
                f"{row['exported']:,}",
            )
            for row in told.rounds
        ],
    )
    if hands := [f"- Round {row['index']}: a person {said}." for row in told.rounds if (said := _manual_note(row))]:
        yield "\n".join(hands)
    yield "\n".join(
        f"- {code_span(name)}: {_FILTERS.get(name, _OUTLIERS)}{_limit_note(told.limits.get(name, ()))}."
        for name in names
    )


def _manual_note(row: Mapping[str, Any]) -> str:
    """Say what a person decided against the filters of a round, before it was measured or after."""
    kept, taken = row["kept_by_hand"], row["taken_out_by_hand"]
    parts = [f"kept {count_noun(sum(kept.values()), 'image')} by hand against {_join_names(kept)}"] if kept else []
    parts += [f"took out {count_noun(taken, 'image')} that had passed"] if taken else []
    return " and ".join(parts)


def _limit_note(limits: Sequence[str]) -> str:
    return f" (limit {' and '.join(limits)})" if limits else ""


def _effect_section(told: DatasetFacts) -> Iterator[str]:
    judged = [entry for entry in told.changes.values() if entry["judged"]]
    yield "## Their effect on Recall@1"
    if not judged:
        yield "None was measured: no round was judged."
        return
    yield (
        f"Measured on {judged[0]['queries']:,} validation queries ({code_span(told.regime)} classes), "
        f"{count_noun(told.seeds, 'seed')}, the same recipe and steps with and without a round's images. In brackets "
        "the 95 % interval, paired over queries and seeds, in points: one that holds 0 proves no change. A round is "
        "kept only when its gain on its cells is proven."
    )
    yield markdown_table(
        ("Round", "Outcome", "R@1 overall", "Gain overall", "Gain on its cells", "p"),
        [_round_effect(entry) for entry in judged],
    )
    for entry in judged:
        if changed := describe_overrides(entry["images"]):
            used = count_noun(entry["images"]["kept"], "image")
            yield f"Round {entry['index']} was trained and measured with {used}; its figures are theirs: {changed}."
    yield from _overall_effect(told, [entry for entry in judged if entry["kept"]])


def _overall_effect(told: DatasetFacts, kept: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not kept:
        yield "No round was kept: the final model is the one trained on real images only."
        return
    changed = any(describe_overrides(entry["images"]) for entry in kept)
    added = "the images that were kept then" if changed else "the kept ones"
    if gain := told.over_baseline:
        yield (
            f"All kept rounds together: R@1 {gain['before']:.3f} with real images only, {gain['after']:.3f} with "
            f"{added} added, {_format_points(gain)}. What to keep was chosen on these very queries, "
            "which flatters it."
        )
    if told.test:
        gain = told.test["over_baseline"]
        yield f"On the test split, opened once after all choices: {_format_points(gain)} over the baseline."


def _round_effect(entry: Mapping[str, Any]) -> Sequence[str]:
    overall, cells = entry["recall_at_1"], entry["gap_recall_at_1"]
    return (
        str(entry["index"]),
        "kept" if entry["kept"] else "rolled back",
        f"{overall['before']:.3f} to {overall['after']:.3f}",
        _format_points(overall),
        _format_points(cells),
        f"{cells['p_value']:.4f}",
    )


def _format_points(change: Mapping[str, Any]) -> str:
    gain, low, high = (100 * change[key] for key in ("gain", "low", "high"))
    return f"{gain:+.1f} ({low:+.1f} to {high:+.1f})"


def _usage_section(told: DatasetFacts) -> str:
    facets = f" --facets {','.join(map(format_column, told.facets))}" if told.facets else ""
    return f"""## Use
```python
from datasets import load_dataset
images = load_dataset("path/to/this/folder", split="train")  # columns: image, label, prompt, seed ...
```
```sh
atlantis diagnose path/to/this/folder{_is_shell_safe(facets)}
```"""


def _is_shell_safe(text: str) -> str:
    """Leave out names that would need quoting."""
    return text if all(letter.isalnum() or letter in " ,-_" for letter in text) else ""


def _classes_section(told: DatasetFacts) -> str:
    shown = list(told.classes.items())[:_MAX_CLASSES]
    more = len(told.classes) - len(shown)
    rows = [(code_span(name), f"{count:,}") for name, count in shown]
    return f"## Classes\n{markdown_table(('Class', 'Images'), rows)}" + (
        f"\n\nAnd {more:,} more." if more > 0 else ""
    )


def _limits_section(told: DatasetFacts) -> str:
    rolled_back = sum(row["exported"] for row in told.rounds if row["outcome"] != "kept")
    lines = [
        "- They were chosen for one collection, one model and its gaps; with others they may gain nothing.",
        "- They are for training. Measure on real images only: never put them into a validation or test split.",
        "- Filters compare with real training images by a model's embeddings; they do not see what that model does "
        "not, and that a person looked at each image is not known.",
        "- A label is what was asked for.",
    ]
    if rolled_back:
        are = f"{count_noun(rolled_back, 'image')} {'is' if rolled_back == 1 else 'are'}"
        lines.append(f"- {are} of rounds whose gain was not proven (`round_kept` is `no`).")
    return "## Limits\n" + "\n".join(lines)


def _licence_section(told: DatasetFacts) -> str:
    began = "the licences of the weights above" if told.weights else "what the generator's terms say"
    photos = " and the rights in the photos they were made from" if set(told.arms) - {"text_to_image"} else ""
    return (
        f"## Licence\nNone is chosen here. {began[0].upper()}{began[1:]}{photos} may bind these images; read them, "
        "choose one, and name it in the front matter."
    )
