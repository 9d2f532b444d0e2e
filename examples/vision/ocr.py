"""ocr.py DETECTOR CLASSIFIER RECOGNISER PICTURE: reads text."""
import sys

import kiln.vision

ocr = kiln.vision.OCR(*sys.argv[1:-1])
for line in ocr.read(sys.argv[-1]):
    print(f"{line.score:.2f} {line.text}")
