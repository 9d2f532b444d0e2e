"""Makes the pictures of docs/guide: scenes that are drawn here, and what the commands make of them with networks of a
few nodes, and with PP-OCR.

    python tests/vision/make_guide_pictures.py build/kiln MODELS_OF_OCR        (needs Pillow, NumPy and onnx)
"""

import colorsys
import subprocess
import sys
import tempfile
from pathlib import Path

import small_networks
from PIL import Image, ImageDraw

HERE = Path(__file__).parent
GUIDE = HERE.parents[1] / "docs" / "guide"
BALLS = {"red ball": (220, 40, 40), "green ball": (40, 190, 60), "blue ball": (50, 80, 220)}
GROUND = (236, 232, 222)
PLAIN = ["--mean", "0,0,0", "--deviation", "1,1,1"]
# COCO's joints of a figure that waves.
FIGURE = [(180, 60), (190, 50), (170, 50), (202, 56), (158, 56), (215, 110), (145, 110), (262, 85), (120, 165),
          (275, 30), (105, 215), (203, 220), (157, 220), (210, 290), (150, 290), (216, 352), (140, 352)]


def balls():
    picture = Image.new("RGB", (512, 384), GROUND)
    pencil = ImageDraw.Draw(picture)
    for place, colour in zip([(90, 90), (250, 200), (420, 110), (130, 290), (400, 290)], [*BALLS.values()] * 2):
        pencil.ellipse([place[0] - 48, place[1] - 48, place[0] + 48, place[1] + 48], fill=colour)
    return picture


def joint_colours():
    return [tuple(round(255 * level) for level in colorsys.hsv_to_rgb((i % 9) / 9, 1, 1 if i < 9 else 0.55))
            for i in range(17)]


def figure():
    picture = Image.new("RGB", (384, 384), (240, 238, 232))
    pencil = ImageDraw.Draw(picture)
    pencil.polygon([FIGURE[i] for i in (5, 6, 12, 11)], fill=(214, 208, 196))
    for (x, y), colour in zip(FIGURE, joint_colours()):
        pencil.ellipse([x - 7, y - 7, x + 7, y + 7], fill=colour)
    return picture


def main():
    kiln, models = sys.argv[1], sorted(Path(sys.argv[2]).glob("*.onnx"))
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        balls().save(folder / "balls.png")
        balls().crop((360, 30, 510, 170)).resize((300, 280)).save(folder / "ball.png")
        figure().save(folder / "figure.png")
        detector = small_networks.ball_detector(folder / "balls.onnx", [*BALLS.values()], [*BALLS])
        classifier = small_networks.colour_classifier(folder / "colours.onnx", [*BALLS.values()], [*BALLS])
        segmenter = small_networks.colour_segmenter(folder / "pixels.onnx", [GROUND, *BALLS.values()],
                                                    ["ground", *BALLS])
        pose = small_networks.dot_pose(folder / "dots.onnx", joint_colours())
        commands = [["ocr", *models, HERE / "pictures" / "page.png", "-o", GUIDE / "ocr.png"],
                    ["detect", detector, folder / "balls.png", "-o", GUIDE / "detect.png", "--score", 0.8],
                    ["pose", pose, folder / "figure.png", "-o", GUIDE / "pose.png", "--padding", 1, *PLAIN],
                    ["classify", classifier, folder / "ball.png", "-o", GUIDE / "classify.png", "--crop", 1, *PLAIN],
                    ["segment", segmenter, folder / "balls.png", "-o", GUIDE / "segment.png", *PLAIN]]
        for command in commands:
            subprocess.run([kiln, *map(str, command)], check=True)


if __name__ == "__main__":
    main()
