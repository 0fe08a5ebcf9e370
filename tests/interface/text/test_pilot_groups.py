"""The table remedy x group of gaps."""

from __future__ import annotations

from typing import Any

from atlantis_dml.text.pilot_groups import build_group_table


def group(name: str, gain: float | None, images: int = 0) -> dict[str, Any]:
    low, high = (None, None) if gain is None else (gain - 0.02, gain + 0.02)
    return {
        "name": name,
        "gain": gain,
        "low": low,
        "high": high,
        "queries": 30,
        "images": images,
        "kept": images // 2,
    }


def pilot(remedy: str, gain: float | None, *groups: dict[str, Any]) -> dict[str, Any]:
    return {"remedy": remedy, "gain": gain, "groups": list(groups)}


def test_every_remedy_has_its_gain_interval_and_images_in_each_group() -> None:
    pilots = [
        pilot("generate", 0.03, group("light=night, scarce", 0.05, 8), group("light=fog, missed", -0.01)),
        pilot("serve:csls", 0.01, group("light=night, scarce", 0.0), group("light=fog, missed", 0.03)),
        pilot("paste:both", None),
    ]
    table = build_group_table(pilots, 3)
    assert table.columns == ("light=night, scarce (30 queries)", "light=fog, missed (30 queries)")
    assert table.rows == (
        ("generate", "+5.0 (+3.0 to +7.0), 4 of 8 images", "-1.0 (-3.0 to +1.0)"),
        ("serve:csls", "+0.0 (-2.0 to +2.0)", "+3.0 (+1.0 to +5.0)"),
    )
    assert build_group_table([*pilots, pilot("serve:a", 0.1, group("x=y, missed", 0.1))], 1).columns == (
        "light=night, scarce (30 queries)",
    )


def test_one_group_and_pilots_of_earlier_versions_show_no_table() -> None:
    one = pilot("generate", 0.03, group("light=night, scarce", 0.05), group("light=fog, missed", None))
    assert build_group_table([one], 3).columns == build_group_table([{"remedy": "a", "gain": 0.1}], 3).columns == ()
