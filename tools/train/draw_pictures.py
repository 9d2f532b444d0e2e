#!/usr/bin/env python3
"""Draws the pictures of assets/pictures: a page of Chinese and English text, a scene, a person and icons."""

import json
import pathlib

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from scenes import CLASSES, draw_scene, draw_tile

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "assets/pictures"
FONT = "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"  # of the package fonts-wqy-microhei
TEXT = json.loads(pathlib.Path(__file__).with_name("page.json").read_text(encoding="utf-8"))


def draw_page():
    page = Image.new("RGB", (900, 720), (247, 245, 240))
    pen = ImageDraw.Draw(page)
    y = 40
    for line in TEXT["lines"]:
        pen.text((50, y), line["text"], font=ImageFont.truetype(FONT, line["size"]), fill=(25, 25, 40))
        y += int(line["size"] * 1.95)
    y += 16
    font = ImageFont.truetype(FONT, 26)
    for name, value in TEXT["table"]:
        pen.line([(50, y - 8), (520, y - 8)], fill=(180, 175, 165), width=1)
        pen.text((60, y), name, font=font, fill=(60, 60, 80))
        pen.text((250, y), value, font=font, fill=(25, 25, 40))
        y += 54
    stamp = Image.new("RGBA", (300, 110), (0, 0, 0, 0))
    pen = ImageDraw.Draw(stamp)
    pen.rectangle([4, 4, 295, 105], outline=(190, 30, 40), width=4)
    pen.text((150, 55), TEXT["stamp"], font=ImageFont.truetype(FONT, 40), fill=(190, 30, 40), anchor="mm")
    stamp = stamp.rotate(12, expand=True, resample=Image.BICUBIC)
    page.paste(stamp, (560, 480), stamp)
    return page


def draw_icons(each=2):
    """So many pictures of each class, each with its name."""
    counts, seed = dict.fromkeys(CLASSES, 0), 0
    while min(counts.values()) < each:
        picture, of = draw_tile(np.random.default_rng([3001, seed]), 96)
        seed += 1
        name = CLASSES[of]
        if counts[name] < each:
            counts[name] += 1
            yield f"{name}_{counts[name]}.png", Image.fromarray(picture)


def main():
    (FOLDER / "icons").mkdir(parents=True, exist_ok=True)
    draw_page().save(FOLDER / "page.png", optimize=True)
    pixels, objects = draw_scene(np.random.default_rng([3000, 699]), size=400, most=10)
    picture = Image.fromarray(pixels)
    picture.save(FOLDER / "scene.png", optimize=True)
    person = objects[objects[:, 0] == CLASSES.index("person")][0, 1:]
    picture.crop((person + (-15, -15, 15, 15)).astype(int).tolist()).save(FOLDER / "person.png", optimize=True)
    for name, icon in draw_icons():
        icon.save(FOLDER / "icons" / name, optimize=True)


if __name__ == "__main__":
    main()
