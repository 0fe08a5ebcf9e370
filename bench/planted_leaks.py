"""Copies of held-out images planted among candidates: how many the leak guard finds, and how many it imagines.

`python bench/planted_leaks.py GROCERY81 [--photos 100]`: each of some validation and test photos, drawn by a seed, is
cropped to 60, 75 and 90 % of its area at any place and aspect, mirrored, recompressed (JPEG quality 30), resized,
greyed, brightened and darkened by 30 %, and turned by up to 5 degrees; some of these at once. Line drawings are made
of the photo, and of its copies: there the guard compares the source. False alarms are training photos (of another
visit) that match a validation or test photo, and line drawings of training photos.

`--query style=sketch` plants only copies of held-out images with this value, such as pen sketches.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from atlantis_core.data.near_duplicates import fingerprint_image
from atlantis_core.data.reading import read_collection
from atlantis_core.filtering.leak_guard import LeakGuard, ValidationFingerprints
from atlantis_core.generation.draws import RandomDraws
from atlantis_core.generation.photometric import edit_image
from atlantis_core.records import LabelledImage

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


def draw(photo: Photo, number: int) -> Photo:
    """Make a line drawing of a photo, as `atlantis run` does for a goal about sketches."""
    return edit_image(photo, photo, "line_drawing", 1.0, RandomDraws(number))


def count_alarms(guard: LeakGuard, training: Sequence[LabelledImage], folder: Path) -> list[tuple[bool, bool]]:
    """Return for each training photo whether it, and whether a drawing of it, is taken for a held-out image."""
    drawings = [folder / f"{number}.png" for number in range(len(training))]
    for number, (image, path) in enumerate(zip(training, drawings, strict=True)):
        draw(Image.open(image.path).convert("RGB"), number).save(path)
    guard.look_at([*(image.path for image in training), *map(str, drawings)])
    return [
        (guard.matches(image.path), guard.matches(str(path), image.path, is_edit=True))
        for image, path in zip(training, drawings, strict=True)
    ]


def find_planted(
    guard: LeakGuard, photos: Sequence[LabelledImage], folder: Path, rng: np.random.Generator
) -> dict[str, list[tuple[bool, bool]]]:
    """Return for each disguise and photo whether the fast check finds it, and whether the guard does."""
    found: dict[str, list[tuple[bool, bool]]] = {}
    for number, image in enumerate(photos):
        photo = Image.open(image.path).convert("RGB")
        for name, copy in plant(photo, rng):
            path = folder / f"{number} {name}.png"
            copy.save(path)
            is_near = any(split.matches(fingerprint_image(copy)) for split in guard.held_out)
            found.setdefault(name, []).append((is_near, guard.matches(str(path))))
        cropped = str(folder / f"{number} crop to 75%.png")
        for name, source in (("drawn", image.path), ("drawn from a crop to 75%", cropped)):
            path = folder / f"{number} drawn.png"
            draw(Image.open(source).convert("RGB"), number).save(path)
            is_near = any(split.matches(fingerprint_image(Image.open(path))) for split in guard.held_out)
            found.setdefault(name, []).append((is_near, guard.matches(str(path), source, is_edit=True)))
    return found


def main() -> None:
    """Print a Markdown table of found disguises, then false alarms and seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=100)
    parser.add_argument("--training", type=int, default=0, help="Training photos for false alarms; 0 for all.")
    parser.add_argument("--query", default="", help="COL=V of the images that are planted.")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    loaded, rng = read_collection(given.folder), np.random.default_rng(given.seed)
    validation, training = (list(loaded.collection.of_split(name)) for name in ("validation", "train"))
    prints = [loaded.fingerprints[image.id] for image in validation]
    guard = LeakGuard(
        ValidationFingerprints(prints, [image.path for image in validation]),
        loaded.sealed,
        training=[loaded.fingerprints[image.id] for image in training],
    )
    column, _, value = given.query.partition("=")
    held_out = [*validation, *loaded.sealed.open("planted leaks", lambda _: None)]
    held_out = [image for image in held_out if not column or image.facets.get(column) == value]
    planted = [held_out[place] for place in rng.permutation(len(held_out))[: given.photos].tolist()]
    with tempfile.TemporaryDirectory() as folder:
        print("| disguise | photos | fast check alone | found |\n| --- | --- | --- | --- |")
        for name, rows in find_planted(guard, planted, Path(folder), rng).items():
            before, now = np.mean(rows, axis=0)
            print(f"| {name} | {len(rows)} | {before:.1%} | {now:.1%} |", flush=True)
        some = [training[place] for place in rng.permutation(len(training))[: given.training or None].tolist()]
        started = time.process_time()
        photos, drawings = np.sum(count_alarms(guard, some, Path(folder)), axis=0)
        seconds = time.process_time() - started
    print(f"\nfalse alarms of {len(some):,} each: {photos} training photos, {drawings} drawings of them")
    each = 1000 * seconds / len(some)
    print(f"processor seconds for 1,000 drawings, drawn and checked with their sources: {each:.1f}")


if __name__ == "__main__":
    main()
