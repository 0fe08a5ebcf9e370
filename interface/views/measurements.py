"""Diagnoses, evaluations and final tests on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import clean_text, format_figure
from atlantis_core.metrics import METRICS
from atlantis_dml.text.figures import format_cell, format_duration, format_gain, list_training_overlap
from atlantis_dml.views.tables import build_table, stdout_console

Facts = Mapping[str, Any]

_GROUPS, _CONFUSIONS, _WEAKEST = 6, 5, 8
_LONGEST = 600
_TITLES = tuple(metric.title for metric in METRICS.values())
_TESTED_AT = frozenset({"1", "2", "4", "8", "10", "100", "1000"})  # --json has more
_DUPLICATES = {
    "within_train": "pairs of near-duplicates among the training images",
    "across_splits": "training images are near-duplicates of a validation image",
    "in_test": "training or validation images are near-duplicates of a sealed test image",
}


def show_diagnosis(found: Facts) -> None:
    """Print what a collection contains and where retrieval fails."""
    counts, measured = found["counts"], found["measurement"]
    _print(
        f"{found['collection']}: {counts['train']} training, {counts['validation']} validation and "
        f"{counts['test']} sealed test images of {counts['classes']} classes"
    )
    if found["files"]:
        _print(_describe_files(found["files"]))
    _print(f"Balance: largest/smallest class {counts['max_over_min']:.1f}, Gini {counts['gini']:.2f}")
    _print(f"Facets: {', '.join(found['facets']) or 'none'}")
    for column, reason in found["not_facets"].items():
        _print(f"  not a facet: {column} ({reason})")
    for kind, what in _DUPLICATES.items():
        if pairs := found["duplicates"][kind]:
            _print(f"{len(pairs)} {what}")
    training = "untrained" if found["model"] == "frozen" else "one baseline training"
    weights = ", random weights" if found["weights"] == "random" else ""
    _print(
        f"R@1 {format_figure(measured['recall_at']['1'])} over {measured['queries']} queries with "
        f"{found['backbone']} ({training}{weights}), {format_duration(found['seconds'])}"
    )
    if measured["left_out"]:
        _print(f"{measured['left_out']} queries have no positive in the gallery and are left out of all figures")
    if found["forecast"]:
        _print(f"What can be proven: {found['forecast']['sentence']}")
    _show_gaps(found)


def _describe_files(files: Facts) -> str:
    """Return the count of a collection's files as a sum: `Files: 30 found = 28 used + 1 missing + 1 truncated`."""
    parts = [f"{files['used']:,} used", *(f"{count:,} {kind}" for kind, count in files["left_out"].items())]
    others = ", ".join(f"{count:,} {kind}" for kind, count in files["without_file"].items())
    apart = f"; rows and folders without files: {others}" if others else ""
    return f"Files: {files['found']:,} found = {' + '.join(parts)}{apart}"


def show_evaluation(found: Facts) -> None:
    """Print the figures of one model."""
    _print(f"{found['model']} ({found['embedding']}, {found['distance']}) on {found['data']}, validation:")
    _print(
        ", ".join(
            f"R@{k} {format_figure(value)}{_bounds(found, 'recall_at', k)}" for k, value in found["recall_at"].items()
        )
    )
    scores = (f"{metric.title} {format_figure(found[key])}{_bounds(found, key)}" for key, metric in METRICS.items())
    queries = count_noun(found["queries"], "query", "queries")
    _print(f"{', '.join(scores)}; {queries}, {found['left_out']} left out (no positive in the gallery)")
    _print("95 % intervals: bootstrap over queries in brackets, Wilson in tables (better for few queries)")
    for line in (*found["notes"], *list_training_overlap(found)):
        _print(line)
    if "serving" in found:
        fitted = f", fitted on the photos of {found['pool']}" if "pool" in found else ""
        _print(f"Searched with the serving {found['serving']}{fitted}")
    if found["left_out_by"]:
        _print(f"Each query's gallery excludes images with the same {found['left_out_by']}")
    if found["junk_by"]:
        _print(f"Each query's gallery excludes images of its class with the same {found['junk_by']}")
    if "nmi" in found:
        _print(f"NMI {format_figure(found['nmi'])}")
    if "robust" in found:
        _show_attacked(found["robust"])
    attacked = found.get("robust", {"per_facet": {}, "per_class": {}})
    for facet, values in found["per_facet"].items():
        _show_recalls(facet, values, attacked["per_facet"].get(facet, {}))
    _show_weakest(found["per_class"], attacked["per_class"])
    weak = [cell for cell in found["per_cell"] if cell["recall_at_1"] < 1]
    rows = [
        (format_cell(one), f"{one['recall_at_1']:.3f}", f"{one['low']:.3f}-{one['high']:.3f}", str(one["queries"]))
        for one in weak[:_WEAKEST]
    ]
    if rows:
        recall = "clean R@1" if "robust" in found else "R@1"
        _show(build_table(("weakest cells", recall, "95 %", "queries"), rows, (1, 2, 3)))


def _show_weakest(clean: Facts, attacked: Facts) -> None:
    both = {name: (one["value"], attacked.get(name, one)["value"]) for name, one in clean.items()}
    weakest = sorted((name for name, recalls in both.items() if min(recalls) < 1), key=both.__getitem__)[:_WEAKEST]
    if weakest:
        _show_recalls("weakest classes", {name: clean[name] for name in weakest}, attacked)


def _show_recalls(what: str, clean: Facts, attacked: Facts) -> None:
    """Print Recall@1 by class or facet value, clean and attacked; `attacked` is empty without an attack."""
    headers = ("clean R@1", "95 %", "queries", "attacked R@1", "95 %") if attacked else ("R@1", "95 %", "queries")
    rows = [
        (name, *_interval(one), *(_interval(attacked[name])[:2] if attacked else ())) for name, one in clean.items()
    ]
    _show(build_table((what, *headers), rows, right=tuple(range(1, 1 + len(headers)))))


def _bounds(found: Facts, *names: str) -> str:
    """Return a figure's interval in brackets; empty if fewer than two queries count."""
    part: Any = found["intervals"]
    for name in names:
        part = part.get(name, {})
    return f" ({part['low']:.3f}-{part['high']:.3f})" if part else ""


def _show_attacked(robust: Facts) -> None:
    steps = f", {robust['steps']} steps" if robust["attack"] == "pgd" else ""
    _print(
        f"Under attack ({robust['attack']}, epsilon {robust['epsilon']:g} of 255{steps}, aim {robust['aim']}): "
        f"{_format_share(robust['flipped'])} of the queries lost their correct top-1"
    )
    rows = [
        (which, *map(format_figure, one["recall_at"].values()), *_scores(one))
        for which, one in (("clean", robust["clean"]), ("attacked", robust))
    ]
    headers = ("queries", *(f"R@{k}" for k in robust["recall_at"]), *_TITLES)
    _show(build_table(headers, rows, right=tuple(range(1, len(headers)))))


def show_test(found: Facts) -> None:
    """Print the figures on the sealed test split."""
    rows = [
        (name, format_figure(one["recall_at"]["1"]), format_figure(one["map_at_r"]), str(one["queries"]))
        for name, one in ((name, found[name]) for name in ("frozen", "baseline", "final"))
    ]
    _show(build_table(("test split", "R@1", "MAP@R", "queries"), rows, right=(1, 2, 3)))
    if found["kept_nothing"]:
        _print("The run kept no round: its final model is the baseline.")
    else:
        _print(f"Final over baseline: {format_gain(found['over_baseline'])}")
    if clean := found.get("clean"):
        recall = format_figure(clean["final"]["recall_at"]["1"])
        gain = format_gain(clean["over_baseline"])
        _print(f"The queries were attacked ({found['attack']}); without that, final R@1 {recall}, {gain}")
    if found["planted_gap"]:
        gap = found["planted_gap"]
        _print(f"On the planted gap: {gap['before']:.3f} -> {gap['after']:.3f}, {format_gain(gap)}")
    for entry in found.get("rounds", ()):
        parts = (("targeted", entry["targeted"]), ("other", entry["others"]))
        changes = "; ".join(
            f"{name} queries ({change['queries']:,}) {change['before']:.3f} -> {change['after']:.3f}, "
            f"{format_gain(change)}"
            for name, change in parts
        )
        _print(f"By what round {entry['round']} ({entry['remedy']}) was judged on: {changes}")


def show_trial_test(found: Facts) -> None:
    """Print the figures of trials on the sealed test split."""
    from atlantis_core.metrics.measurement import describe_certain_hits

    shown = [k for k in found["frozen"]["recall_at"] if k in _TESTED_AT]
    rows = [
        (name, *(format_figure(one["recall_at"][k]) for k in shown), *_scores(one))
        for name, one in (("frozen", found["frozen"]), *((row["id"], row) for row in found["trials"]))
    ]
    headers = ("test split", *(f"R@{k}" for k in shown), *_TITLES)
    _show(build_table(headers, rows, right=range(1, len(headers))))
    recall = found["recall_at_1"]
    over = "" if recall["sd"] is None else f" +- {recall['sd']:.3f} (standard deviation over trials)"
    mean = format_figure(recall["mean"])
    _print(f"Recall@1 {mean}{over} on {found['queries']} test queries, regime {found['regime']}")
    if gallery := found["gallery"]:
        negatives = found.get("negatives")
        most = gallery - 1 if negatives is None else negatives
        if line := describe_certain_hits([int(k) for k in shown], gallery, most):
            _print(line)
    if left_out := found["frozen"]["left_out"]:
        _print(f"{left_out} test queries have no positive in the gallery and are left out of all figures")


def _show_gaps(found: Facts) -> None:
    if not found["facets"]:
        _print("Nothing to find gaps in: the collection has no facet")
        return
    if not any(found["measurement"]["per_facet"].get(facet) for facet in found["facets"]):
        _print(f"Nothing to find gaps in: no query has a value of {', '.join(found['facets'])}")
        return
    if not found["gaps"]:
        _print("No gaps: no cell is worse than expected from its class and its facet value.")
        return
    _print("")
    _print("Where it fails:")
    for group in found["findings"][:_GROUPS]:
        _print(f"  {group['sentence']}")
    rows = [
        (
            format_cell(gap),
            gap["cause"],
            f"{gap['support']} (typically {gap['typical_support']:g})",
            f"{gap['recall_at_1']:.2f}",
            f"{gap['low']:.2f}-{gap['high']:.2f}",
            str(gap["queries"]),
            ", ".join(gap["confused_with"][:2]),
        )
        for gap in found["gaps"]
    ]
    headers = ("worst cells", "cause", "training images", "R@1", "95 %", "queries", "confused with")
    _show(build_table(headers, rows, right=(2, 3, 4, 5)))
    pairs = [f"{one['label']} for {one['returned']} ({one['count']})" for one in found["confusions"][:_CONFUSIONS]]
    _print(f"Most often mistaken: {'; '.join(pairs)}")


def _scores(one: Facts) -> tuple[str, ...]:
    """Return every metric of `METRICS`; stored figures lack those that are newer."""
    return tuple(format_figure(one.get(key)) for key in METRICS)


def _format_share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _interval(one: Facts) -> tuple[str, str, str]:
    return f"{one['value']:.3f}", f"{one['low']:.3f}-{one['high']:.3f}", str(one["count"])


def _print(text: str) -> None:
    from rich.text import Text

    indent = len(text) - len(text.lstrip())
    stdout_console().print(Text(" " * indent + clean_text(text, _LONGEST)), soft_wrap=True)


def _show(built: Any) -> None:
    stdout_console().print(built)
