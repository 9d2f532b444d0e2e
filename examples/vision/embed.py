"""embed.py MODEL PICTURE PICTURE...: says which of the other pictures is most like the first."""
import sys

import kiln.vision

embedder = kiln.vision.Embedder(sys.argv[1])
vectors = [embedder.embed(path) for path in sys.argv[2:]]
for index, cosine in kiln.vision.most_similar(vectors[0], vectors, most=3):
    print(f"{cosine:.3f} {sys.argv[2 + index]}")
