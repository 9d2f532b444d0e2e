#!/usr/bin/env python3
"""Print the start of an operator's source file, with its schema in all versions as the `onnx` package knows it.

    scripts/new_operator.py Conv > src/ops/conv.cpp
    scripts/new_operator.py --domain ai.onnx.ml LabelEncoder
    scripts/new_operator.py Add Sub Mul Div        # a family that shares one file

What remains to be written by hand are `infer` and `eval`, and the operator's line in src/ops/all.cpp.
"""
import argparse
import re

import onnx

SHORT = {
    "float": "f32", "double": "f64", "float16": "f16", "bfloat16": "bf16", "string": "string", "bool": "bool",
    "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64", "int4": "i4", "int2": "i2",
    "uint8": "u8", "uint16": "u16", "uint32": "u32", "uint64": "u64", "uint4": "u4", "uint2": "u2",
    "complex64": "c64", "complex128": "c128", "float8e4m3fn": "f8e4m3fn", "float8e4m3fnuz": "f8e4m3fnuz",
    "float8e5m2": "f8e5m2", "float8e5m2fnuz": "f8e5m2fnuz", "float8e8m0": "f8e8m0", "float4e2m1": "f4e2m1",
    "float6e2m3": "f6e2m3", "float6e3m2": "f6e3m2",
}
# Largest first: the first that fits is taken.
SETS = [
    ("basic", "i8 i16 i32 i64 u8 u16 u32 u64 f16 f32 f64 string bool c64 c128".split()),
    ("numeric", "i8 i16 i32 i64 u8 u16 u32 u64 f16 f32 f64".split()),
    ("int", "i8 i16 i32 i64".split()),
    ("uint", "u8 u16 u32 u64".split()),
    ("float8", "f8e4m3fn f8e4m3fnuz f8e5m2 f8e5m2fnuz".split()),
    ("real", "f16 f32 f64".split()),
]
ATTRIBUTE_TYPES = {"FLOAT": "float", "INT": "int", "STRING": "string", "TENSOR": "tensor", "GRAPH": "graph",
                   "FLOATS": "floats", "INTS": "ints", "STRINGS": "strings", "SPARSE_TENSOR": "sparse_tensor",
                   "TYPE_PROTO": "type"}


WORDS = {"PRelu": "Prelu", "Col2Im": "Col2im", "SwiGLU": "Swiglu", "MatMul": "Matmul", "QLinear": "Qlinear",
         "TopK": "Topk", "TfIdf": "Tfidf"}


def snake(name):
    for word, single in WORDS.items():
        name = name.replace(word, single)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def type_text(text):
    """seq(map(string, float)) -> seq(map(string,f32))"""
    text = text.replace(" ", "").replace("tensor(", "(")
    text = re.sub(r"[a-z0-9]+(?![a-z0-9(])", lambda m: SHORT[m.group()], text)
    while re.search(r"(?<![a-z])\(([a-z0-9]+)\)", text):
        text = re.sub(r"(?<![a-z])\(([a-z0-9]+)\)", r"\1", text)
    return text


def set_text(types):
    """The shortest list of sets and types that means exactly these types."""
    groups = {}
    for text in map(type_text, types):
        wrapper, inner = "", text
        for prefix, name in (("optional(seq(", "optional_seq"), ("seq(", "seq"), ("optional(", "optional")):
            if text.startswith(prefix) and "map(" not in text:
                wrapper, inner = name, text[len(prefix):].rstrip(")")
                break
        groups.setdefault(wrapper, []).append(inner)
    parts = []
    for wrapper, members in groups.items():
        left, names = list(members), []
        for name, wanted in SETS:
            if set(wanted) <= set(left):
                names.append(name)
                left = [x for x in left if x not in wanted]
        inside = ",".join(names + left)
        parts.append(f"{wrapper}({inside})" if wrapper else inside)
    return ",".join(parts)


def parameter_text(parameter, constraint_names):
    option = str(parameter.option).split(".")[-1]
    mark = {"Single": "", "Optional": "?", "Variadic": "*" if parameter.is_homogeneous else "~"}[option]
    if option == "Variadic" and parameter.min_arity != 1:
        mark += str(parameter.min_arity)
    kind = parameter.type_str if parameter.type_str in constraint_names else type_text(parameter.type_str)
    return f"{parameter.name}{mark}:{kind}"


def quoted(text):
    return f"'{text}'" if text == "" or re.search(r"[\s,\[\]]", text) else text


def number(value):
    return repr(value) if isinstance(value, int) else f"{value:.9g}"


def attribute_text(attribute):
    text = attribute.name + ("!" if attribute.required else "") + ":" + ATTRIBUTE_TYPES[attribute.type.name]
    if attribute.default_value.name:
        value = onnx.helper.get_attribute_value(attribute.default_value)
        if isinstance(value, bytes):
            text += "=" + quoted(value.decode())
        elif isinstance(value, (list, tuple)) or hasattr(value, "__len__"):
            text += "=[" + ",".join(quoted(v.decode()) if isinstance(v, bytes) else number(v) for v in value) + "]"
        else:
            text += "=" + number(value)
    return text


def literal(text, indent):
    """A C++ string literal, broken after commas and blanks into lines of at most 104 characters."""
    lines = [""]
    for piece in re.findall(r"[^, ]*[, ]|[^, ]+", text):
        if len(lines[-1]) + len(piece) > 104:
            lines.append("")
        lines[-1] += piece
    return ("\n" + " " * indent).join('"' + line + '"' for line in lines)


def version_text(schema):
    constraints = {c.type_param_str for c in schema.type_constraints}
    signature = " ".join(parameter_text(p, constraints) for p in schema.inputs)
    signature += " -> " + " ".join(parameter_text(p, constraints) for p in schema.outputs)
    fields = [literal(signature.strip(), 5)]
    attributes = " ".join(attribute_text(a) for _, a in sorted(schema.attributes.items()))
    types = " ".join(f"{c.type_param_str}={set_text(c.allowed_type_strs)}" for c in schema.type_constraints)
    if attributes or types or schema.deprecated:
        fields.append(literal(attributes, 5))
    if types or schema.deprecated:
        fields.append(literal(types, 5))
    if schema.deprecated:
        fields.append("true")
    row = "{" + f"{schema.since_version}, " + ", ".join(fields) + "},"
    if len(row) < 114 and "\n" not in row:
        return row
    return "{" + f"{schema.since_version}, " + ",\n     ".join(fields) + "},"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--domain", default="")
    parser.add_argument("names", nargs="+")
    arguments = parser.parse_args()
    history = [s for s in onnx.defs.get_all_schemas_with_history() if s.domain == arguments.domain]
    print('#include "ops/context.hpp"\n#include "ops/op.hpp"\n\nnamespace kiln::ops {\nnamespace {\n')
    for name in arguments.names:
        versions = sorted((s for s in history if s.name == name), key=lambda s: s.since_version)
        if not versions:
            parser.error(f"the onnx package knows no operator {name} in domain '{arguments.domain}'")
        print(f"constexpr SchemaText {snake(name)}_versions[] = {{")
        for schema in versions:
            print("    " + version_text(schema))
        print("};\n")
    print("}  // namespace\n")
    for name in arguments.names:
        print(f'extern const OpDef {snake(name)}_op{{"{arguments.domain}", "{name}", {snake(name)}_versions}};')
    print("\n}  // namespace kiln::ops")


if __name__ == "__main__":
    main()
