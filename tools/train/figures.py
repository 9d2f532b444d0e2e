"""Synthetic people: articulated figures in a random posture, with the places of their joints.

A figure is seen from the front. What tells its left from its right is the shade: the limbs of its left side are
darker than those of its right side.
"""

import numpy as np
from PIL import Image, ImageDraw

from grounds import draw_ground

JOINTS = ("head", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
          "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle")
# Limbs, and the lines between them that complete a drawn skeleton.
BONES = ((1, 3), (3, 5), (2, 4), (4, 6), (7, 9), (9, 11), (8, 10), (10, 12))
LINES = BONES + ((0, 1), (0, 2), (1, 2), (1, 7), (2, 8), (7, 8))


def random_posture(rng):
    """Joints [13, 2] of a figure about 2 high, y down, the hips near the origin."""
    def limb(start, first, second, upper, lower):
        middle = start + upper * np.array([np.sin(first), np.cos(first)])
        return middle, middle + lower * np.array([np.sin(second), np.cos(second)])

    shoulder, hip = rng.uniform(0.19, 0.27), rng.uniform(0.11, 0.17)
    torso, lean = rng.uniform(0.5, 0.62), rng.normal(0, 0.12)
    up = np.array([np.sin(lean), -np.cos(lean)])
    side = np.array([np.cos(lean), np.sin(lean)])
    neck = up * torso
    joints = np.zeros((13, 2))
    joints[0] = neck + up * rng.uniform(0.2, 0.26) + side * rng.normal(0, 0.03)
    for left in (True, False):
        # A figure that looks at us has its left on our right.
        sign, at = (1, 0) if left else (-1, 1)
        joints[1 + at] = neck + side * sign * shoulder
        joints[7 + at] = side * sign * hip
        arm = sign * rng.uniform(0.05, 2.9)
        joints[3 + at], joints[5 + at] = limb(joints[1 + at], arm, arm + rng.uniform(-1.6, 1.6), 0.34, 0.32)
        leg = sign * rng.uniform(-0.15, 0.75)
        joints[9 + at], joints[11 + at] = limb(joints[7 + at], leg, leg - sign * rng.uniform(-0.1, 0.9), 0.45, 0.45)
    return joints


def draw_figure(rng, canvas, joints, unit):
    """Draws a figure over a float array [h, w, 3]; joints are in its pixels, `unit` is the length that 1 stands for.

    Gives the mask of what it covers.
    """
    scale = 2
    height, width = canvas.shape[:2]
    picture = Image.fromarray(canvas.astype(np.uint8)).resize((width * scale, height * scale))
    mask = Image.new("L", picture.size)
    pens = [(ImageDraw.Draw(picture), True), (ImageDraw.Draw(mask), False)]
    at = [tuple((joint * scale).tolist()) for joint in joints]
    shirt, trousers, skin = (rng.uniform(90, 255, 3) for _ in range(3))
    thick = unit * scale * rng.uniform(0.10, 0.15)

    def capsule(a, b, colour, width_of):
        for pen, in_colour in pens:
            fill = tuple(int(c) for c in colour) if in_colour else 255
            pen.line([a, b], fill=fill, width=max(1, round(width_of)))
            for x, y in (a, b):
                r = width_of / 2
                pen.ellipse([x - r, y - r, x + r, y + r], fill=fill)

    for bone, (a, b) in enumerate(BONES):
        colour = shirt if bone < 4 else trousers
        is_left = bone in (0, 1, 4, 5)
        capsule(at[a], at[b], colour * (0.55 if is_left else 1.0), thick * (1.0 if bone >= 4 else 0.85))
    torso = [at[1], at[2], at[8], at[7]]
    for pen, in_colour in pens:
        pen.polygon(torso, fill=tuple(int(c * 0.8) for c in shirt) if in_colour else 255)
    neck = tuple(np.mean([at[1], at[2]], axis=0).tolist())
    capsule(neck, at[0], skin * 0.9, thick * 0.7)
    radius = unit * scale * rng.uniform(0.12, 0.15)
    for pen, in_colour in pens:
        x, y = at[0]
        fill = tuple(int(c) for c in skin) if in_colour else 255
        pen.ellipse([x - radius * 0.85, y - radius, x + radius * 0.85, y + radius], fill=fill)
        if in_colour:
            for eye in (-0.35, 0.35):
                r = radius * 0.12
                pen.ellipse([x + eye * radius - r, y - r, x + eye * radius + r, y + r], fill=(20, 20, 20))
    canvas[:] = np.asarray(picture.reduce(scale), np.float32)
    return np.asarray(mask.reduce(scale)) > 127


def draw_crop(rng, width=96, height=128):
    """A figure as a detector would cut it out: a picture [height, width, 3] of bytes, and its joints in pixels."""
    canvas = draw_ground(rng, height, width)
    joints = random_posture(rng)
    turn = rng.normal(0, 0.25)
    joints = joints @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    if rng.random() < 0.3:
        other = random_posture(rng) * 0.4 * height + rng.uniform((-0.3 * width, 0), (1.3 * width, height))
        draw_figure(rng, canvas, other, 0.4 * height)
    low, high = joints.min(axis=0) - 0.12, joints.max(axis=0) + 0.12
    unit = min((width, height) / (high - low)) / rng.uniform(1.05, 1.5)
    joints = (joints - (low + high) / 2) * unit + np.array([width, height]) / 2
    joints += rng.normal(0, 0.03, 2) * (width, height)
    draw_figure(rng, canvas, joints, unit)
    canvas = canvas * rng.uniform(0.7, 1.15) + rng.normal(0, rng.uniform(0, 8), canvas.shape)
    return np.clip(canvas, 0, 255).astype(np.uint8), joints.astype(np.float32)
