"""detect.py MODEL PICTURE: finds objects."""
import sys

import kiln.vision

detector = kiln.vision.Detector(sys.argv[1])
for found in detector.detect(sys.argv[2]):
    print(f"{found.name} {found.score:.2f}: " + ", ".join(f"{side:.0f}" for side in found.box))
