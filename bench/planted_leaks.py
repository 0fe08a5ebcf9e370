"""Copies of held-out images planted among candidates: how many the leak guard finds, and how many it imagines.

`python bench/planted_leaks.py GROCERY81 [--photos 100]`: each of some validation and test photos, drawn by a seed, is
cropped to 60, 75 and 90 % of its area at any place and aspect, mirrored, recompressed (JPEG quality 30), resized,
greyed, brightened and darkened by 30 %, and turned by up to 5 degrees; some of these at once. False alarms are
training photos (of another visit) that match a validation or test photo.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from atlantis_core.data.near_duplicates import fingerprint_image
from atlantis_core.data.reading import read_collection
from atlantis_core.filtering.leak_guard import ValidationFingerprints

Photo = Image.Image


def crop(photo: Photo, area: float, rng: np.random.Generator) -> Photo:
    """Cut out a share of the area, at a random place and aspect."""
    width = min(1.0, float(np.sqrt(area * rng.uniform(0.8, 1.25))))
    height = min(1.0, area / width)
    width = min(1.0, area / height)
    left, top = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
    sides = np.array([left, top, left + width, top + height]) * (*photo.size, *photo.size)
    return photo.crop(tuple(np.rint(sides).astype(int).tolist()))


def compress(photo: Photo, quality: int) -> Photo:
    """Write and read as JPEG."""
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def plant(photo: Photo, rng: np.random.Generator) -> Iterator[tuple[str, Photo]]:
    """Yield disguised copies of a photo with the names of their disguises."""
    brighten = ImageEnhance.Brightness(photo).enhance
    for area in (0.6, 0.75, 0.9):
        yield f"crop to {area:.0%}", crop(photo, area, rng)
    yield "mirrored", ImageOps.mirror(photo)
    yield "JPEG quality 30", compress(photo, 30)
    yield "half the size", photo.resize((photo.width // 2, photo.height // 2))
    yield "double the size", photo.resize((photo.width * 2, photo.height * 2))
    yield "grey", ImageOps.grayscale(photo).convert("RGB")
    yield "30 % brighter", brighten(1.3)
    yield "30 % darker", brighten(0.7)
    yield "turned by up to 5 degrees", photo.rotate(rng.uniform(-5, 5), Image.Resampling.BICUBIC)
    yield "crop to 60 %, mirrored", ImageOps.mirror(crop(photo, 0.6, rng))
    yield "crop to 75 %, darker, JPEG", compress(crop(brighten(0.75), 0.75, rng), 30)


def main() -> None:
    """Print a Markdown table of found disguises, then false alarms and seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    loaded, rng = read_collection(given.folder), np.random.default_rng(given.seed)
    held_out = [*loaded.collection.of_split("validation"), *loaded.sealed.open("planted leaks", lambda _: None)]
    prints = [fingerprint_image(Image.open(one.path)) for one in held_out]
    guard = ValidationFingerprints(prints)
    found: dict[str, list[tuple[bool, bool]]] = {}
    for place in rng.permutation(len(held_out))[: given.photos].tolist():
        for name, copy in plant(Image.open(held_out[place].path).convert("RGB"), rng):
            print_ = fingerprint_image(copy)
            seen = guard.matches(print_)
            found.setdefault(name, []).append((seen, seen or guard.contains_copy(print_)))
    print("| disguise | photos | found before | found |\n| --- | --- | --- | --- |")
    for name, rows in found.items():
        before, now = np.mean(rows, axis=0)
        print(f"| {name} | {len(rows)} | {before:.1%} | {now:.1%} |")
    others = [fingerprint_image(Image.open(one.path)) for one in loaded.collection.of_split("train")]
    started = time.process_time()
    near = sum(map(guard.matches, others))
    between = time.process_time()
    alarms = sum(guard.matches(one) or guard.contains_copy(one) for one in others)
    seconds = (between - started, time.process_time() - between)
    print(f"\nfalse alarms: {near} before, {alarms} now of {len(others):,} training photos")
    each = [1000 * one / len(others) for one in seconds]
    print(f"processor seconds for 1,000 candidates: {each[0]:.1f} before, {each[1]:.1f} now")


if __name__ == "__main__":
    main()
