"""Diagnoses, evaluations and final tests on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from atlantis_core.data.text import clean
from atlantis_dml.run_view import stdout_console, table
from atlantis_dml.wording import cell_name, duration, points

Facts = Mapping[str, Any]

_GROUPS = 6
_CONFUSIONS = 5
_WEAKEST = 8
_LONGEST = 600


def show_diagnosis(found: Facts) -> None:
    """Print what a collection holds and where retrieval fails on it."""
    counts, measured = found["counts"], found["measurement"]
    _print(
        f"{found['collection']}: {counts['train']} training, {counts['validation']} validation and "
        f"{counts['test']} sealed test images of {counts['classes']} classes"
    )
    _print(f"Balance: largest/smallest class {counts['max_over_min']:.1f}, Gini {counts['gini']:.2f}")
    _print(f"Facets: {', '.join(found['facets']) or 'none'}")
    for column, reason in found["not_facets"].items():
        _print(f"  not a facet: {column} ({reason})")
    for line in _duplicates(found["duplicates"]):
        _print(line)
    _print(
        f"R@1 {measured['recall_at']['1']:.3f} over {measured['queries']} queries with "
        f"{found['backbone']} ({'untrained' if found['model'] == 'frozen' else 'one baseline training'}), "
        f"{duration(found['seconds'])}"
    )
    if measured["left_out"]:
        _print(f"{measured['left_out']} queries have no partner in the gallery and count in no figure")
    _show_gaps(found)


def show_evaluation(found: Facts) -> None:
    """Print the figures of one model."""
    bounds = found["intervals"]
    recalls = ", ".join(f"R@{k} {_bounded(one)}" for k, one in bounds["recall_at"].items())
    _print(f"{found['model']} on {found['data']}, validation: {recalls}")
    nmi = "" if found["nmi"] is None else f", NMI {found['nmi']:.3f}"
    _print(
        f"MAP@R {_bounded(bounds['map_at_r'])}, R-precision {_bounded(bounds['r_precision'])}{nmi}; "
        f"{found['queries']} queries, {found['left_out']} left out for lack of a partner"
    )
    _print(
        f"By {found['distance']} distance of the {found['embedding']}'s embeddings, in brackets 95 % intervals; no "
        f"query is shown {' or '.join(found['leave_out'])}"
    )
    for facet, values in found["per_facet"].items():
        rows = [(value, *_interval(one)) for value, one in values.items()]
        _show(table((facet, "R@1", "95 %", "queries"), rows, right=(1, 2, 3)))
    weakest = sorted(found["per_class"].items(), key=lambda item: item[1]["value"])[:_WEAKEST]
    _show(table(("weakest classes", "R@1", "95 %", "queries"), [(n, *_interval(i)) for n, i in weakest], (1, 2, 3)))
    worst = [one for one in found["per_cell"] if one["recall_at_1"] < 1][:_WEAKEST]
    if worst:
        cells = [(cell_name(one), *_interval(one | {"value": one["recall_at_1"]}, "queries")) for one in worst]
        _show(table(("weakest cells", "R@1", "95 %", "queries"), cells, (1, 2, 3)))


def show_test(found: Facts) -> None:
    """Print the figures on the sealed test split."""
    rows = [
        (name, f"{one['recall_at']['1']:.3f}", f"{one['map_at_r']:.3f}", str(one["queries"]))
        for name, one in ((name, found[name]) for name in ("frozen", "baseline", "final"))
    ]
    _show(table(("test split", "R@1", "MAP@R", "queries"), rows, right=(1, 2, 3)))
    if found["kept_nothing"]:
        _print("The run kept no round: its final model is the baseline.")
    else:
        _print(f"Final over baseline: {points(found['over_baseline'])}")
    if found["planted_gap"]:
        gap = found["planted_gap"]
        _print(f"On the planted gap: {gap['before']:.3f} -> {gap['after']:.3f}, {points(gap)}")


def _show_gaps(found: Facts) -> None:
    if not found["gaps"]:
        _print("No gap: no cell is worse than its class and its facet value lead one to expect.")
        return
    _print("")
    _print("Where it fails:")
    for group in found["findings"][:_GROUPS]:
        _print(f"  {group['sentence']}")
    rows = [
        (
            cell_name(gap),
            gap["cause"],
            f"{gap['support']} (typically {gap['typical_support']:g})",
            f"{gap['recall_at_1']:.2f}",
            f"{gap['low']:.2f}-{gap['high']:.2f}",
            str(gap["queries"]),
            ", ".join(gap["confused_with"][:2]),
        )
        for gap in found["gaps"]
    ]
    headers = ("worst cells", "cause", "training images", "R@1", "95 %", "queries", "taken for")
    _show(table(headers, rows, right=(2, 3, 4, 5)))
    pairs = [f"{one['label']} for {one['returned']} ({one['count']})" for one in found["confusions"][:_CONFUSIONS]]
    _print(f"Most often mistaken: {'; '.join(pairs)}")


def _duplicates(found: Facts) -> list[str]:
    lines = []
    if found["within_train"]:
        lines.append(f"{len(found['within_train'])} pairs of near-duplicates among the training images")
    if found["across_splits"]:
        lines.append(f"{len(found['across_splits'])} training images show the same as a validation image")
    if found["in_test"]:
        lines.append(f"{len(found['in_test'])} training or validation images match the sealed test split")
    return lines


def _interval(one: Facts, count: str = "count") -> tuple[str, str, str]:
    return f"{one['value']:.3f}", f"{one['low']:.3f}-{one['high']:.3f}", str(one[count])


def _bounded(one: Facts) -> str:
    return f"{one['value']:.3f} ({one['low']:.3f}-{one['high']:.3f})"


def _print(text: str) -> None:
    from rich.text import Text

    indent = len(text) - len(text.lstrip())
    stdout_console().print(Text(" " * indent + clean(text, _LONGEST)), soft_wrap=True)


def _show(built: Any) -> None:
    stdout_console().print(built)
