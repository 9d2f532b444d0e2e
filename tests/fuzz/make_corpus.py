"""Writes the conformance node cases as NAME/model.onnx with an INPUT.pb for each input, for kiln_mutate:
`python make_corpus.py FOLDER`."""
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

sys.path.insert(0, str(Path(__file__).parents[1] / "conformance"))
import cases  # noqa: E402

LARGEST = 200_000  # bytes; larger cases only cost time


def proto_of(value, name, type_proto):
    if value is None or type_proto.HasField("optional_type"):
        return numpy_helper.from_optional(value, name)
    if type_proto.HasField("sequence_type"):
        return numpy_helper.from_list(list(value), name)
    return numpy_helper.from_array(np.asarray(value), name)


def write_corpus(folder: Path):
    count = 0
    for case in cases.all_cases():
        content = case.load_model()
        if case.kind == "light" or len(content) > LARGEST:
            continue
        model = onnx.ModelProto.FromString(content)
        place = folder / case.name
        place.mkdir(parents=True, exist_ok=True)
        (place / "model.onnx").write_bytes(content)
        inputs, _ = case.load_data_sets()[0]
        for port, value in zip(model.graph.input, inputs):
            try:
                proto = proto_of(value, port.name, port.type)
            except (TypeError, ValueError, AttributeError, NotImplementedError):
                continue  # a kind of value that has no .pb form; the model runs with what is made up for it
            (place / f"{port.name.replace('/', '_')}.pb").write_bytes(proto.SerializeToString())
        count += 1
    return count


if __name__ == "__main__":
    print(write_corpus(Path(sys.argv[1])), "cases")
