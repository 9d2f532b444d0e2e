"""Writes trained models as ONNX, with weights of 16 bits that are read as 32."""

import io

import numpy as np
import onnx
import torch
from onnx import numpy_helper

import classifier
import detector
import pose
import segmenter
from figures import JOINTS, LINES
from scenes import CLASSES


def _fold_batch_norms(model):
    """Each convolution takes over what the normalisation behind it does."""
    for module in list(model.modules()):
        if isinstance(module, torch.nn.Sequential) and len(module) > 1 and isinstance(module[1], torch.nn.BatchNorm2d):
            module[0] = torch.nn.utils.fusion.fuse_conv_bn_eval(module[0], module[1])
            module[1] = torch.nn.Identity()
    return model


def _halve(model):
    """Weights as float16, with a Cast to float32 before their use."""
    graph, casts = model.graph, []
    for tensor in graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or np.prod(tensor.dims) < 64:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), name + "_f16"))
        casts.append(onnx.helper.make_node("Cast", [name + "_f16"], [name], to=onnx.TensorProto.FLOAT))
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend(casts + nodes)


def _write(model, example, inputs, outputs, metadata, path):
    buffer = io.BytesIO()
    axes = {name: {0: "batch"} for name in inputs + outputs}
    torch.onnx.export(_fold_batch_norms(model), example, buffer, input_names=inputs, output_names=outputs,
                      dynamic_axes=axes, opset_version=17, dynamo=False)
    made = onnx.load_from_string(buffer.getvalue())
    _halve(made)
    for key, value in metadata.items():
        made.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(made, full_check=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(made, path)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


def _names(names):
    return str(dict(enumerate(names)))


def detector_to_onnx(model, path):
    size = detector.SIZE
    whole = detector.Decoded(model, size).eval()
    metadata = {"names": _names(CLASSES), "stride": "32", "imgsz": f"[{size}, {size}]", "task": "detect"}
    _write(whole, torch.zeros(1, 3, size, size), ["images"], ["output0"], metadata, path)


class FromNormalised(torch.nn.Module):
    """Takes pictures as networks that were trained on ImageNet do, normalised by its colours."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        self.register_buffer("mean", torch.tensor((0.485, 0.456, 0.406)).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor((0.229, 0.224, 0.225)).view(1, 3, 1, 1))

    def forward(self, picture):
        return self.model(picture * self.deviation + self.mean)


class Certainties(torch.nn.Module):
    """Gives 1 where a row of logits is as peaked as it was taught to be, and less where the network hesitates."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, picture):
        return tuple(torch.softmax(logits, 2) / pose.PEAK for logits in self.model(picture))


def pose_to_onnx(model, path):
    metadata = {"names": ",".join(JOINTS), "skeleton": str([list(bone) for bone in LINES]), "task": "pose"}
    picture = torch.zeros(1, 3, pose.HEIGHT, pose.WIDTH)
    _write(FromNormalised(Certainties(model)).eval(), picture, ["input"], ["simcc_x", "simcc_y"], metadata, path)


class Centred(torch.nn.Module):
    """Moves scores by a quarter of their distance: they were taught what the lower right one of four pixels shows."""

    def __init__(self, model, classes):
        super().__init__()
        self.model, self.classes = model, classes
        parts = torch.tensor((0.25, 0.75))
        self.register_buffer("parts", torch.outer(parts, parts).expand(classes, 1, 2, 2).clone())

    def forward(self, picture):
        scores = torch.nn.functional.pad(self.model(picture), (1, 0, 1, 0), mode="replicate")
        return torch.nn.functional.conv2d(scores, self.parts, groups=self.classes)


def segmenter_to_onnx(model, path):
    picture = torch.zeros(1, 3, segmenter.SIZE, segmenter.SIZE)
    metadata = {"names": _names(("ground", *CLASSES)), "task": "segment"}
    whole = FromNormalised(Centred(model, len(CLASSES) + 1)).eval()
    _write(whole, picture, ["input"], ["scores"], metadata, path)


def classifier_to_onnx(model, path):
    picture = torch.zeros(1, 3, classifier.SIZE, classifier.SIZE)
    _write(FromNormalised(model).eval(), picture, ["input"], ["scores", "vector"], {"names": _names(CLASSES)}, path)
