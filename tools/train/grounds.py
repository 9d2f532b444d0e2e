"""Textured grounds for synthetic pictures."""

import numpy as np
from PIL import Image


def random_colour(rng):
    return rng.integers(0, 256, 3).astype(np.float32)


def _smooth_noise(rng, height, width, cells):
    grid = rng.random((cells + 1, cells + 1), dtype=np.float32)
    return np.asarray(Image.fromarray(grid).resize((width, height), Image.BICUBIC))[..., None]


def _stripes(rng, height, width):
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle, period = rng.uniform(0, np.pi), rng.uniform(8, 60)
    wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * (2 * np.pi / period))
    return (wave if rng.random() < 0.5 else np.sign(wave))[..., None]


def _checks(rng, height, width):
    y, x = np.mgrid[:height, :width]
    cell = int(rng.integers(6, 50))
    return (((x // cell + y // cell) % 2) * 2.0 - 1.0)[..., None].astype(np.float32)


def draw_ground(rng, height, width):
    """An array [height, width, 3] of floats from 0 to 255: two colours mixed by noise, with a pattern and grain."""
    mix = _smooth_noise(rng, height, width, int(rng.integers(1, 9)))
    ground = random_colour(rng) * mix + random_colour(rng) * (1 - mix)
    if rng.random() < 0.5:
        pattern = _stripes if rng.random() < 0.5 else _checks
        ground += pattern(rng, height, width) * rng.uniform(-30, 30, 3)
    grain = rng.uniform(0, 12)
    ground += rng.normal(0, 1, (height, width, 1)).astype(np.float32) * grain
    return np.clip(ground, 0, 255).astype(np.float32)


def contrasting_colour(rng, ground):
    """A colour that can be told from the mean of a piece of ground."""
    mean = ground.reshape(-1, 3).mean(axis=0)
    while True:
        colour = random_colour(rng)
        if np.abs(colour - mean).sum() > 150:
            return colour
