"""One way to open a picture, whoever asks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atlantis_core.data.image_io import open_image
from atlantis_core.learning.inputs.preprocessing import decode_image


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "L"])
def test_transparent_pixels_are_white_paper_to_captioners_generators_and_models(mode: str, tmp_path: Path) -> None:
    picture = Image.new("RGBA", (20, 10), (200, 0, 0, 255))
    picture.paste((0, 0, 0, 0), (0, 0, 10, 10))
    picture.convert(mode).save(tmp_path / "a.png")
    opened = np.asarray(open_image(str(tmp_path / "a.png")))
    assert opened[0, 0].tolist() == ([255] * 3 if "A" in mode else [0] * 3)
    assert (opened == np.asarray(decode_image(tmp_path / "a.png"))).all()
    assert (opened == np.asarray(decode_image((tmp_path / "a.png").read_bytes()))).all()
