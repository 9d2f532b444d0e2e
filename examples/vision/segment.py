"""segment.py MODEL PICTURE: says which part of a picture shows what."""
import sys

import numpy as np

import kiln.vision

segmenter = kiln.vision.Segmenter(sys.argv[1])
classes, counts = np.unique(segmenter.segment(sys.argv[2]), return_counts=True)
for index, count in zip(classes, counts):
    print(f"{segmenter.name_of(int(index))}: {100 * count / counts.sum():.1f} %")
