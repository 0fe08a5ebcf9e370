"""Light of the place for a pasted object: its colours, shading and shadow, and the camera over the whole image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from atlantis_core.generation.cut_paste.cutting import Cutout


def match_light(cutout: Cutout, background: NDArray[np.float32], random: np.random.Generator) -> Cutout:
    """Move brightness, contrast and cast of an object towards those of the background, in part.

    Mean and spread of Lab are borrowed as in Reinhard et al. 2001 (Color Transfer between Images, section 3), but
    only a share: the object's own colour tells classes apart.
    """
    import cv2

    from atlantis_core.generation.cut_paste.cutting import Cutout

    lab = cv2.cvtColor(cutout.colours / 255, cv2.COLOR_RGB2LAB)
    around = cv2.cvtColor(background / 255, cv2.COLOR_RGB2LAB).reshape(-1, 3)
    own = lab[cutout.alpha > 0.5]
    share_light, share_cast = random.uniform(0.15, 0.5), random.uniform(0.05, 0.25)
    light, spread = own[:, 0].mean(), own[:, 0].std() + 1e-3
    contrast = (1 - share_light) + share_light * np.clip(around[:, 0].std() / spread, 0.6, 1.3)
    wanted = light + share_light * (around[:, 0].mean() - light)
    lab[..., 0] = ((lab[..., 0] - light) * contrast + wanted).clip(0, 100)
    # The cast of the light is the colour of what is nearly grey in the background, not of its wares.
    grey = around[np.linalg.norm(around[:, 1:], axis=1) < 25]
    if len(grey):
        lab[..., 1:] += share_cast * 2 * grey[:, 1:].mean(axis=0)
    colours = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB).clip(0, 1) * 255
    return Cutout(colours.astype(np.float32), cutout.alpha, cutout.is_box)


def shade(cutout: Cutout, gain: float, direction: float, depth: float) -> NDArray[np.float32]:
    """Return the colours (H, W, 3), brighter on the side that the light comes from (radians; 0 is the right)."""
    height, width = cutout.alpha.shape
    across = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None, :] * np.cos(direction)
    down = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None] * np.sin(direction)
    shaded = cutout.colours * (gain * (1 + depth * (across - down)))[..., None]
    return np.asarray(shaded, dtype=np.float32)


def cast_shadow(alpha: NDArray[np.float32], direction: float, strength: float) -> NDArray[np.float32]:
    """Return what to multiply the ground by, (H + 2m, W + 2m) with a margin m of an eighth of the object's height."""
    import cv2

    margin = shadow_margin(alpha)
    framed = np.pad(alpha, margin)
    shift = np.array([[1, 0, -np.cos(direction) * margin / 2], [0, 1, np.sin(direction) * margin / 2]])
    moved = cv2.warpAffine(framed, shift, framed.shape[::-1])
    soft = cv2.GaussianBlur(moved, (0, 0), max(0.8, margin / 3))
    return np.asarray(1 - strength * soft, dtype=np.float32)


def shadow_margin(alpha: NDArray[np.float32]) -> int:
    """Return the width of the frame around an object that its shadow may fall on, in pixels."""
    return max(3, len(alpha) // 8)


def take_photo(scene: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.uint8]:
    """Photograph a scene (H, W, 3) of 0 to 255: exposure, blur and noise of a phone's camera."""
    import cv2

    exposed = scene * np.exp(random.normal(0, 0.15)) + random.normal(0, 4)
    blurred = cv2.GaussianBlur(exposed, (0, 0), random.uniform(0.3, 0.9) * max(1.0, min(scene.shape[:2]) / 128))
    noise = random.normal(0, random.uniform(0.5, 3.5), scene.shape)
    return np.asarray((blurred + noise).clip(0, 255).round(), dtype=np.uint8)
