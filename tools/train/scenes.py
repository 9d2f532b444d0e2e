"""Synthetic scenes for a detector: shapes, icons, letters and people on textured grounds, with their boxes."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from figures import draw_figure, random_posture
from grounds import contrasting_colour, draw_ground

CLASSES = ("person", "circle", "square", "triangle", "star", "heart", "arrow", "letter")
LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ2345679"


def _polygon(name):
    if name == "square":
        return np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], float)
    if name == "triangle":
        turns = np.arange(3) * (2 * np.pi / 3)
        return np.stack([np.sin(turns), -np.cos(turns)], 1)
    if name == "star":
        turns = np.arange(10) * (np.pi / 5)
        radius = np.where(np.arange(10) % 2 == 0, 1.0, 0.42)
        return np.stack([np.sin(turns) * radius, -np.cos(turns) * radius], 1)
    if name == "heart":
        t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
        return np.stack([16 * np.sin(t) ** 3, -y], 1) / 17
    return np.array([(-1, -0.3), (0.1, -0.3), (0.1, -0.8), (1, 0), (0.1, 0.8), (0.1, 0.3), (-1, 0.3)], float)


def _mask_of(rng, name, radius):
    """The covered part, from 0 to 1, of a tile of 2 * radius + 2 pixels a side."""
    scale, side = 3, 2 * radius + 2
    tile = Image.new("L", (side * scale, side * scale))
    pen = ImageDraw.Draw(tile)
    middle, r = side * scale / 2, radius * scale
    if name == "circle":
        squeeze = rng.uniform(0.75, 1)
        pen.ellipse([middle - r, middle - r * squeeze, middle + r, middle + r * squeeze], fill=255)
        if rng.random() < 0.25:
            r *= rng.uniform(0.4, 0.7)
            pen.ellipse([middle - r, middle - r * squeeze, middle + r, middle + r * squeeze], fill=0)
    elif name == "letter":
        letter = LETTERS[rng.integers(len(LETTERS))]
        pen.text((middle, middle), letter, font=ImageFont.load_default(1.7 * r), fill=255, anchor="mm",
                 stroke_width=int(rng.integers(0, 2 + r // 12)))
        tile = tile.rotate(rng.uniform(-25, 25))
    else:
        points = _polygon(name)
        size = r / np.sqrt((points**2).sum(axis=1).max())
        points = points * size * rng.uniform((0.75, 0.75), (1, 1))
        turn = rng.uniform(-0.5, 0.5) if name == "heart" else rng.uniform(0, 2 * np.pi)
        rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        pen.polygon([tuple(p) for p in (points @ rotation + middle).tolist()], fill=255)
    return np.asarray(tile.reduce(scale), np.float32) / 255


def _box_of(mask, x, y):
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [x + columns[0], y + rows[0], x + columns[-1] + 1, y + rows[-1] + 1]


def _overlaps(box, boxes):
    for other in boxes:
        width = min(box[2], other[2]) - max(box[0], other[0])
        height = min(box[3], other[3]) - max(box[1], other[1])
        if width > 0 and height > 0:
            smaller = min((box[2] - box[0]) * (box[3] - box[1]), (other[2] - other[0]) * (other[3] - other[1]))
            if width * height > 0.15 * smaller:
                return True
    return False


def _place_shape(rng, canvas, labels, of, boxes):
    height, width = canvas.shape[:2]
    radius = int(np.exp(rng.uniform(np.log(10), np.log(height * 0.22))))
    mask = _mask_of(rng, CLASSES[of], radius)
    x, y = (int(rng.integers(0, limit - len(mask))) for limit in (width, height))
    box = _box_of(mask > 0.4, x, y)
    if _overlaps(box, boxes):
        return None
    piece = canvas[y:y + len(mask), x:x + len(mask)]
    colour = contrasting_colour(rng, piece)
    shade = 1 - rng.uniform(0, 0.4) * np.linspace(0, 1, len(mask), dtype=np.float32)[:, None, None]
    piece += (colour * shade - piece) * mask[..., None]
    labels[y:y + len(mask), x:x + len(mask)][mask > 0.5] = of + 1
    return box


def _place_person(rng, canvas, labels, of, boxes):
    height, width = canvas.shape[:2]
    unit = rng.uniform(0.12, 0.3) * height
    joints = random_posture(rng) * unit
    low, high = joints.min(axis=0) - 0.2 * unit, joints.max(axis=0) + 0.2 * unit
    if (high - low > (width, height)).any():
        return None
    joints += rng.uniform(-low, (width, height) - high)
    if _overlaps([*joints.min(axis=0), *joints.max(axis=0)], boxes):
        return None
    mask = draw_figure(rng, canvas, joints, unit)
    labels[mask] = of + 1
    return _box_of(mask, 0, 0)


def draw_labelled_scene(rng, size=320, most=8):
    """A picture [size, size, 3] of bytes, its objects [n, 5]: class, left, top, right, bottom, and what each pixel
    shows: 0 for the ground, or a class + 1."""
    canvas, labels = draw_ground(rng, size, size), np.zeros((size, size), np.uint8)
    classes, boxes = [], []
    wanted = int(rng.integers(1, most + 1))
    for _ in range(3 * wanted):
        if len(boxes) == wanted:
            break
        of = int(rng.integers(len(CLASSES)))
        place = _place_person if CLASSES[of] == "person" else _place_shape
        box = place(rng, canvas, labels, of, boxes)
        if box is not None:
            classes.append(of)
            boxes.append(box)
    picture = Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8))
    if rng.random() < 0.3:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.2)))
    pixels = np.asarray(picture, np.float32)
    pixels = pixels * rng.uniform(0.7, 1.15) + rng.normal(0, rng.uniform(0, 6), pixels.shape)
    objects = np.array([[c, *b] for c, b in zip(classes, boxes)], np.float32).reshape(-1, 5)
    return np.clip(pixels, 0, 255).astype(np.uint8), objects, labels


def draw_scene(rng, size=320, most=8):
    """A picture and its objects."""
    return draw_labelled_scene(rng, size, most)[:2]


def draw_tile(rng, size=64):
    """An object as one may cut it out: a picture [size, size, 3] of bytes, and its class."""
    while True:
        picture, objects = draw_scene(rng, 2 * size, 1)
        if len(objects):
            break
    of, left, top, right, bottom = objects[0]
    side = max(right - left, bottom - top) * rng.uniform(1.05, 1.5)
    x, y = rng.uniform(-0.05, 0.05, 2) * side + ((left + right) / 2, (top + bottom) / 2)
    box = (x - side / 2, y - side / 2, x + side / 2, y + side / 2)
    wide = np.pad(picture, ((2 * size, 2 * size), (2 * size, 2 * size), (0, 0)), "symmetric")
    box = tuple(float(edge) + 2 * size for edge in box)
    return np.asarray(Image.fromarray(wide).resize((size, size), Image.BILINEAR, box)), int(of)
