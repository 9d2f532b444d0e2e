"""Networks by hand, as ONNX's operators.

    b = kiln.GraphBuilder()
    x = b.input("x", "float32", ("n", 3, 32, 32))
    y = b.relu(b.conv2d(x, weights["conv.weight"], weights["conv.bias"], padding=1))
    b.output(b.linear(b.flatten(y), weights["fc.weight"], weights["fc.bias"]), "y")
    session = kiln.Session(b)
"""
from __future__ import annotations

import os
from typing import Any, Callable, Sequence, Union

import numpy as np

from . import _kiln

Operand = Union["Var", np.ndarray, float, int, Sequence[Any]]
Ints = Union[int, Sequence[int]]


class Var:
    """A value of a network that is being built. Arithmetic on it adds nodes."""

    def __init__(self, builder: GraphBuilder, var: _kiln.Var) -> None:
        self._builder = builder
        self._var = var

    @property
    def name(self) -> str:
        return self._var.name

    @property
    def dtype(self) -> np.dtype | None:
        return self._var.dtype

    @property
    def shape(self) -> tuple[int | str | None, ...] | None:
        return self._var.shape

    def __repr__(self) -> str:
        return f"<kiln.Var '{self.name}' {self.dtype} {self.shape}>"

    def _with(self, op: str, other: Operand, swapped: bool = False) -> Var:
        given = self._builder._var(other, like=self)
        return self._builder.op(op, *((given, self) if swapped else (self, given)))

    def __add__(self, other: Operand) -> Var:
        return self._with("Add", other)

    def __radd__(self, other: Operand) -> Var:
        return self._with("Add", other, True)

    def __sub__(self, other: Operand) -> Var:
        return self._with("Sub", other)

    def __rsub__(self, other: Operand) -> Var:
        return self._with("Sub", other, True)

    def __mul__(self, other: Operand) -> Var:
        return self._with("Mul", other)

    def __rmul__(self, other: Operand) -> Var:
        return self._with("Mul", other, True)

    def __truediv__(self, other: Operand) -> Var:
        return self._with("Div", other)

    def __rtruediv__(self, other: Operand) -> Var:
        return self._with("Div", other, True)

    def __matmul__(self, other: Operand) -> Var:
        return self._with("MatMul", other)

    def __neg__(self) -> Var:
        return self._builder.op("Neg", self)

    __array_priority__ = 1000  # numpy leaves `array + var` to this class


def _both(value: Ints) -> list[int]:
    return [int(value)] * 2 if isinstance(value, (int, np.integer)) else [int(number) for number in value]


def _pads(padding: Ints) -> list[int]:
    pads = _both(padding)
    return pads if len(pads) == 4 else pads + pads


class GraphBuilder:
    """Builds a network. Weights are arrays (numpy, or anything that numpy.asarray takes); kiln.load_weights reads them
    from files. What is wrong with a node is a kiln.Error of the call that adds it."""

    def __init__(self, name: str = "graph") -> None:
        self._builder = _kiln.GraphBuilder(name)

    def input(self, name: str, dtype: Any = np.float32, shape: Sequence[int | str | None] = ()) -> Var:
        """An input of the network. A dim is a number, a name, or None where it is open."""
        return Var(self, self._builder.input(name, dtype, tuple(shape)))

    def constant(self, array: Any, name: str = "") -> Var:
        return Var(self, self._builder.constant(np.asarray(array), name))

    def output(self, value: Operand, name: str = "") -> None:
        """Makes a value an output of the network, by this name."""
        self._builder.output(self._var(value)._var, name)

    def _var(self, value: Operand, like: Var | None = None) -> Var:
        if isinstance(value, Var):
            return value
        is_number = isinstance(value, (int, float, list, tuple))
        dtype = like.dtype if like is not None and is_number else None
        if hasattr(value, "detach"):  # a tensor of torch
            value = value.detach().numpy()
        return self.constant(np.asarray(value, dtype))

    def op(self, op_type: str, *inputs: Operand | None, outputs: int = 1, domain: str = "", node_name: str = "",
           **attributes: Any) -> Any:
        """Any operator by its name; None is an input that is left out. With several `outputs` it gives a list."""
        given = [None if value is None else self._var(value)._var for value in inputs]
        while given and given[-1] is None:
            given.pop()
        kept = {name: value for name, value in attributes.items() if value is not None}
        made = [Var(self, var) for var in self._builder.ops(op_type, given, kept, outputs, domain, node_name)]
        return made[0] if outputs == 1 else made

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """`b.Softmax(x, axis=1)` is `b.op("Softmax", x, axis=1)`."""
        if not name[:1].isupper():
            raise AttributeError(f"'GraphBuilder' object has no attribute '{name}'")
        return lambda *inputs, **attributes: self.op(name, *inputs, **attributes)

    def model(self) -> _kiln.Model:
        """What was built so far, which must have an output."""
        return self._builder.model()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as an ONNX file."""
        self.model().save_onnx(os.fspath(path))

    def conv2d(self, x: Operand, weight: Operand, bias: Operand | None = None, *, stride: Ints = 1, padding: Ints = 0,
               dilation: Ints = 1, groups: int = 1) -> Var:
        return self.op("Conv", x, weight, bias, strides=_both(stride), pads=_pads(padding), dilations=_both(dilation),
                       group=groups)

    def conv_transpose2d(self, x: Operand, weight: Operand, bias: Operand | None = None, *, stride: Ints = 1,
                         padding: Ints = 0, output_padding: Ints = 0, dilation: Ints = 1, groups: int = 1) -> Var:
        return self.op("ConvTranspose", x, weight, bias, strides=_both(stride), pads=_pads(padding), group=groups,
                       output_padding=_both(output_padding), dilations=_both(dilation))

    def max_pool2d(self, x: Operand, size: Ints, *, stride: Ints | None = None, padding: Ints = 0) -> Var:
        """The stride is the size, unless it is said."""
        return self.op("MaxPool", x, kernel_shape=_both(size), strides=_both(size if stride is None else stride),
                       pads=_pads(padding))

    def average_pool2d(self, x: Operand, size: Ints, *, stride: Ints | None = None, padding: Ints = 0) -> Var:
        return self.op("AveragePool", x, kernel_shape=_both(size), strides=_both(size if stride is None else stride),
                       pads=_pads(padding), count_include_pad=1)

    def global_average_pool(self, x: Operand) -> Var:
        return self.op("GlobalAveragePool", x)

    def linear(self, x: Operand, weight: Operand, bias: Operand | None = None) -> Var:
        """x * weight^T + bias, with a weight [out, in], as PyTorch's Linear."""
        product = self.op("MatMul", x, self.transpose(weight, (1, 0)))
        return product if bias is None else product + bias

    def batch_norm(self, x: Operand, scale: Operand, bias: Operand, mean: Operand, variance: Operand, *,
                   epsilon: float = 1e-5) -> Var:
        return self.op("BatchNormalization", x, scale, bias, mean, variance, epsilon=epsilon)

    def layer_norm(self, x: Operand, scale: Operand, bias: Operand | None = None, *, axis: int = -1,
                   epsilon: float = 1e-5) -> Var:
        return self.op("LayerNormalization", x, scale, bias, axis=axis, epsilon=epsilon)

    def embedding(self, indices: Operand, table: Operand) -> Var:
        return self.op("Gather", table, indices, axis=0)

    def relu(self, x: Operand) -> Var:
        return self.op("Relu", x)

    def gelu(self, x: Operand) -> Var:
        return self.op("Gelu", x)

    def silu(self, x: Operand) -> Var:
        return self.op("Swish", x)

    def sigmoid(self, x: Operand) -> Var:
        return self.op("Sigmoid", x)

    def tanh(self, x: Operand) -> Var:
        return self.op("Tanh", x)

    def softmax(self, x: Operand, axis: int = -1) -> Var:
        return self.op("Softmax", x, axis=axis)

    def add(self, a: Operand, b: Operand) -> Var:
        return self.op("Add", a, b)

    def mul(self, a: Operand, b: Operand) -> Var:
        return self.op("Mul", a, b)

    def matmul(self, a: Operand, b: Operand) -> Var:
        return self.op("MatMul", a, b)

    def concat(self, parts: Sequence[Operand], axis: int) -> Var:
        return self.op("Concat", *parts, axis=axis)

    def flatten(self, x: Operand, axis: int = 1) -> Var:
        return self.op("Flatten", x, axis=axis)

    def reshape(self, x: Operand, shape: Sequence[int]) -> Var:
        """-1 is what is left, 0 the input's own dim."""
        return self.op("Reshape", x, np.array(shape, np.int64))

    def transpose(self, x: Operand, order: Sequence[int]) -> Var:
        return self.op("Transpose", x, perm=list(order))

    def mean(self, x: Operand, axes: Ints, *, keepdims: bool = False) -> Var:
        axes = [axes] if isinstance(axes, int) else list(axes)
        return self.op("ReduceMean", x, np.array(axes, np.int64), keepdims=int(keepdims))
