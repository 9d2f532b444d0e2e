"""Reads the text of pictures: ocr.py FOLDER RESULT"""
import pickle
import sys
import time
from pathlib import Path

from rapidocr_onnxruntime import RapidOCR

folder, result = Path(sys.argv[1]), sys.argv[2]
begin = time.perf_counter()
engine = RapidOCR()
loaded = time.perf_counter()
found = {}
for picture in sorted(folder.glob("picture_*.png")):
    lines, _ = engine(str(picture))
    found[picture.name] = [(box, text, float(score)) for box, text, score in lines or []]
print(f"load {loaded - begin:.3f} work {time.perf_counter() - loaded:.3f}")
with open(result, "wb") as file:
    pickle.dump(found, file)
