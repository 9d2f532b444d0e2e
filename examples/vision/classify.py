"""classify.py MODEL PICTURE: says what a picture shows."""
import sys

import kiln.vision

classifier = kiln.vision.Classifier(sys.argv[1], most=3)
for found in classifier.classify(sys.argv[2]):
    print(f"{found.score:.3f} {found.name}")
