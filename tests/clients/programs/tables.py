"""Predicts with models of scikit-learn and LightGBM that became ONNX: tables.py FOLDER RESULT"""
import pickle
import sys
import time
from pathlib import Path

import onnxruntime

folder, result = Path(sys.argv[1]), sys.argv[2]
loads = work = 0.0
found = {}
for path in sorted(folder.glob("table_*.onnx")):
    begin = time.perf_counter()
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    loaded = time.perf_counter()
    with open(path.with_suffix(".pickle"), "rb") as file:
        feed = pickle.load(file)
    for _ in range(20):
        outputs = session.run(None, feed)
    single = [session.run(None, {name: value[i:i + 1] for name, value in feed.items()}) for i in range(20)]
    loads, work = loads + loaded - begin, work + time.perf_counter() - loaded
    found[path.name] = [outputs, single]
print(f"load {loads:.3f} work {work:.3f}")
with open(result, "wb") as file:
    pickle.dump(found, file)
