"""The report as Markdown, to paste into an issue, a wiki or a mail. It contains no images."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import clean_text, format_figure
from atlantis_core.exporting.markdown import markdown_table
from atlantis_core.run.verdicts import describe_overrides
from atlantis_dml.report.gap_view import HeatCell, HeatView
from atlantis_dml.report.looks import write_looks
from atlantis_dml.text.figures import (
    ARM_HEADERS,
    ARM_NOTE,
    RECIPE_HEADERS,
    format_cell,
    format_duration,
    format_gain,
    list_arm_rows,
    list_recipe_rows,
)
from atlantis_dml.text.memory import MEMORY_COLUMNS, list_memory_rows
from atlantis_dml.text.moved_cells import MOVED_NOTE, build_moved_tables, describe_moved
from atlantis_dml.text.pilot_groups import build_group_table

_PILOTS_NOTE = (
    "A remedy that needs a training was tried with one, whose seed judges nothing, and with at most a tenth of the "
    "round's images; any other with the judging models. One is not used if other queries lose more than a point by "
    "it and their interval is below 0. **Bold**: used in the round. The judge divides its error by the number of "
    "remedies tried."
)
_PILOT_HEADERS = (
    "Remedy",
    "What it changes",
    "Gain on targeted cells",
    "Other queries",
    "Gain overall",
    "Images kept",
    "Time",
)
_LONGEST = 2000
_MOST_GROUPS = 6
_MARKS = re.compile(r"([\\`*_\[\]<>|~&$]|(?<!\w)@|(?<=:)/(?=/)|^[#+-])")  # `://` would become a link
_CODE = re.compile(r"`([^`]*)`")
_NOTHING = "\u2013"

Facts = Mapping[str, Any]


def render_markdown(facts: Facts, maps: Sequence[HeatView]) -> str:
    """Return the report. Names and text from outside are escaped, so that they stay text wherever it is rendered."""
    sections = (
        _head,
        _arms,
        _recipe,
        _rounds,
        _moved,
        _pilots,
        lambda _: write_looks(facts, escape_markdown),
        _memory,
        lambda _: _heat(maps),
        _gaps,
        _test,
        _costs,
        _reproduce,
    )
    return "\n\n".join(part for section in sections for part in section(facts)) + "\n"


def escape_markdown(text: object) -> str:
    """Return text as one line of Markdown that renders as the same text."""
    return _MARKS.sub(r"\\\1", clean_text(str(text), _LONGEST))


def _head(facts: Facts) -> Iterator[str]:
    collection = facts["collection"]
    yield f"# {_escape_with_code(facts['headline'])}"
    yield f"ATLANTIS run `{facts['run_id']}`, {facts['created']}. Goal: {escape_markdown(facts['goal'])}"
    yield (
        f"{escape_markdown(collection['name'])}: {collection['train']:,} training, "
        f"{collection['validation']:,} validation and "
        f"{collection['test']:,} sealed test images of "
        f"{count_noun(collection['classes'], 'class', 'classes')}; facets: "
        f"{escape_markdown(', '.join(collection['facets']) or 'none')}."
    )
    rows = [
        (name, _recall(facts[key]), note)
        for name, key, note in (
            ("Frozen", "frozen", "backbone without training"),
            ("Baseline", "baseline", "real images only"),
            ("Final", "final", format_gain(facts["over_baseline"]) if facts["over_baseline"] else "not judged yet"),
        )
    ]
    if gap := facts["planted_gap"]:
        rows.append(("Final, on the planted gap", f"{gap['before']:.3f} → {gap['after']:.3f}", format_gain(gap)))
    yield markdown_table(("Recall@1 on validation", "", ""), rows)
    if facts["forecast"]:
        looks = facts["forecast"].get("looks_sentence")
        yield f"Before the run: {facts['forecast']['sentence']}" + (f"; {looks}." if looks else ".")
    if facts["memory"]:
        yield f"Memory: {escape_markdown(facts['memory']['sentence'])}."


def _arms(facts: Facts) -> Iterator[str]:
    """Compare frozen, baseline, the best remedy without images, and the loop."""
    yield "## What the loop is compared with"
    yield markdown_table(ARM_HEADERS, [tuple(map(escape_markdown, row)) for row in list_arm_rows(facts["arms"])])
    yield ARM_NOTE


def _recipe(facts: Facts) -> Iterator[str]:
    """Show how the recipe was chosen, if the run did."""
    if (choice := facts["recipe"]) is None:
        return
    yield "## The recipe"
    yield f"Chosen before the baseline: {escape_markdown(choice['sentence'])}."
    rows = list_recipe_rows(choice)
    yield markdown_table(RECIPE_HEADERS, [tuple(map(escape_markdown, row)) for row in rows])


def _rounds(facts: Facts) -> Iterator[str]:
    if not facts["rounds"]:
        return
    yield "## Round by round"
    yield markdown_table(
        ("Round", "Outcome", "R@1", "Gain overall", "Gain on targeted cells", "Generated / kept / rejected", "Time"),
        [_round(entry) for entry in facts["rounds"]],
    )
    lines = []
    for entry in facts["rounds"]:
        reason, verdict = escape_markdown(entry["protocol"]["reason"]), escape_markdown(entry["reason"])
        notes = filter(None, (describe_overrides(entry["images"]), entry["images"].get("note")))
        images = "".join(f" Images: {note}." for note in notes)
        lines.append(f"- Round {entry['index']}: {reason}. Verdict: {verdict}.{images}")
    yield "\n".join(lines)
    is_done, why = facts["status"] == "done", escape_markdown(facts["stop_detail"])
    ended = f"The run ended because {why}." if is_done else f"Status: {facts['status']}."
    yield f"{ended} Intervals are 95 %, paired over the same queries and {count_noun(facts['seeds'], 'seed')}."


def _round(entry: Facts) -> tuple[str, ...]:
    change, on_cells, images = entry["recall_at_1"], entry["gap_recall_at_1"], entry["images"]
    return (
        str(entry["index"]),
        "kept" if entry["kept"] else "rolled back" if entry["judged"] else "not judged",
        f"{change['before']:.3f} → {change['after']:.3f}" if change else "",
        format_gain(change) if change else "",
        format_gain(on_cells) if on_cells else "",
        f"{images['made']} / {images['kept']} / {images['rejected']}",
        format_duration(entry["seconds"]),
    )


def _moved(facts: Facts) -> Iterator[str]:
    """List the cells that moved most and the new confusions, round by round."""
    for entry in facts["rounds"]:
        if (moved := entry["moved"]) is None:
            continue
        yield f"## What moved most in round {entry['index']}"
        yield f"{describe_moved(moved)}."
        tables = build_moved_tables(moved)
        for table in tables:
            yield markdown_table(table.headers, [tuple(map(escape_markdown, row)) for row in table.rows])
        if tables:
            yield MOVED_NOTE


def _pilots(facts: Facts) -> Iterator[str]:
    """List the remedies that were tried in small, round by round."""
    for entry in facts["rounds"]:
        if not entry["pilots"]:
            continue
        yield f"## Remedies tried in round {entry['index']}"
        yield markdown_table(
            _PILOT_HEADERS,
            [_pilot(pilot, entry["protocol"]["remedy"]) for pilot in entry["pilots"]],
        )
        yield _PILOTS_NOTE
        if forecast := entry["answer_forecast"]:
            yield f"`ask_labels`, {forecast['sentence']}."
        groups = build_group_table(entry["pilots"], _MOST_GROUPS)
        if groups.columns:
            yield "By group of gaps, in points, with the images kept there:"
            rows = [tuple(map(escape_markdown, row)) for row in groups.rows]
            yield markdown_table(("Remedy", *map(escape_markdown, groups.columns)), rows)


def _memory(facts: Facts) -> Iterator[str]:
    """List what earlier runs on the same collection found about remedies."""
    if not facts["memory"]:
        return
    yield "## What earlier runs found"
    rows = [tuple(map(escape_markdown, row)) for row in list_memory_rows(facts["memory"]["results"])]
    yield markdown_table(MEMORY_COLUMNS, rows)


def _pilot(pilot: Facts, used: str) -> tuple[str, ...]:
    name = escape_markdown(pilot["remedy"])
    gain, overall = pilot["gain"], pilot["overall_gain"]
    return (
        f"**{name}**" if pilot["remedy"] == used else name,
        escape_markdown(pilot["shows"]),
        format_gain(pilot) if gain is not None else escape_markdown(f"not tried: {pilot['failure']}"),
        format_gain(pilot["others"]) if pilot.get("others") else "",
        f"{100 * overall:+.1f} points" if overall is not None else "",
        f"{pilot['kept']} of {pilot['images']}" if pilot["images"] else "",
        format_duration(pilot["seconds"]),
    )


def _heat(maps: Sequence[HeatView]) -> Iterator[str]:
    if not maps:
        return
    yield "## Every cell, before and after"
    yield (
        "Recall@1, baseline → final model, mean over the judging seeds; number of queries in brackets. "
        "**Bold**: targeted by a round. _Italic_: too few queries for a reliable figure."
    )
    for view in maps:
        rows = [[escape_markdown(row.name), *(_square(cell) for cell in row.cells)] for row in view.rows]
        headers = [escape_markdown(name) for name in (view.facet or "class", *(v or "Recall@1" for v in view.values))]
        yield markdown_table(headers, rows)
        if view.not_shown:
            yield f"{count_noun(view.not_shown, 'more class', 'more classes')} not shown."


def _square(found: HeatCell | None) -> str:
    if found is None or found.cell.before is None or found.cell.after is None:
        return _NOTHING
    cell = found.cell
    figures = f"{cell.before:.2f} → {cell.after:.2f}"
    text = f"_{figures}_" if cell.thin else figures
    return f"{f'**{text}**' if found.targeted else text} ({cell.queries})"


def _gaps(facts: Facts) -> Iterator[str]:
    if not facts["gaps"]:
        return
    yield "## Gaps found in the first round"
    yield markdown_table(
        ("Cell", "Cause", "Training images", "Queries", "Before", "After", "Gain", "Targeted in round"),
        [
            (
                escape_markdown(format_cell(gap)),
                gap["cause"],
                str(gap["support"]),
                str(gap["queries"]),
                f"{gap['before']:.2f}",
                "" if gap["after"] is None else f"{gap['after']:.2f}",
                ""
                if gap["gain"] is None
                else format_gain({"gain": gap["gain"], "low": gap["gain_low"], "high": gap["gain_high"]}),
                ", ".join(str(index) for index in gap["targeted"]),
            )
            for gap in facts["gaps"]
        ],
    )


def _test(facts: Facts) -> Iterator[str]:
    if not (found := facts["test"]):
        return
    opened = len(found["opened"])
    yield "## The sealed test split"
    yield (
        f"Opened {count_noun(opened, 'time')}. R@1 frozen {_recall(found['frozen'])}, baseline "
        f"{_recall(found['baseline'])}, final {_recall(found['final'])} over {found['final']['queries']:,} queries: "
        f"{format_gain(found['over_baseline'])} over the baseline."
    )


def _costs(facts: Facts) -> Iterator[str]:
    spent = facts["spent"]
    yield "## Spent"
    yield (
        f"{count_noun(spent['images'], 'image')}, {count_noun(spent['tokens'], 'token')}, "
        f"{spent['usd']:.2f} US dollars, {format_duration(spent['seconds'])} of work."
    )


def _reproduce(facts: Facts) -> Iterator[str]:
    fence = "`" * (3 + max((len(run) for run in re.findall("`+", facts["command"])), default=0))
    yield "## Reproduce"
    yield f"{fence}sh\n{clean_text(facts['command'], _LONGEST)}\n{fence}"
    yield f"atlantis-dml {facts['version']}; planner {escape_markdown(facts['planner'])}; regime {facts['regime']}."


def _recall(found: Facts | None) -> str:
    return format_figure(found["recall_at"]["1"]) if found else _NOTHING


def _escape_with_code(text: str) -> str:
    """Escape a sentence but keep its parts in backticks as code."""
    parts = _CODE.split(clean_text(text, _LONGEST))
    return "".join(f"`{part}`" if index % 2 else _MARKS.sub(r"\\\1", part) for index, part in enumerate(parts))
