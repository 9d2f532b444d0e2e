"""Finds speech in a sound: speech.py FOLDER RESULT"""
import pickle
import sys
import time
from pathlib import Path

import numpy as np
import torch
from silero_vad import get_speech_timestamps, load_silero_vad

folder, result = Path(sys.argv[1]), sys.argv[2]
torch.set_num_threads(1)
begin = time.perf_counter()
model = load_silero_vad(onnx=True)
loaded = time.perf_counter()
sound = torch.from_numpy(np.load(folder / "sound.npy"))
stamps = get_speech_timestamps(sound, model, sampling_rate=16000)
model.reset_states()
chances = [model(sound[i:i + 512], 16000).item() for i in range(0, len(sound) - 511, 512)]
print(f"load {loaded - begin:.3f} work {time.perf_counter() - loaded:.3f}")
with open(result, "wb") as file:
    pickle.dump({"stamps": stamps, "chances": np.array(chances)}, file)
