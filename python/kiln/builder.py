"""Networks by hand, as ONNX's operators.

    b = kiln.GraphBuilder()
    x = b.input("x", "float32", ("n", 3, 32, 32))
    y = b.relu(b.conv2d(x, weights["conv.weight"], weights["conv.bias"], padding=1))
    b.output(b.linear(b.flatten(y), weights["fc.weight"], weights["fc.bias"]), "y")
    session = kiln.Session(b)
"""
from __future__ import annotations

import os
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Turn:
    """What the body of a loop may give: the state for the next turn; what is collected, of all turns, one behind the
    other in a new first dim; and for `loop`, whether there is a next turn."""

    state: Operand | Sequence[Operand] = ()
    collect: Operand | Sequence[Operand] = ()
    go_on: Operand | None = None


def _both(value: Ints) -> list[int]:
    return [int(value)] * 2 if isinstance(value, (int, np.integer)) else [int(number) for number in value]


def _each(given: Any, kind: type) -> list[Any]:
    return [kind(one) for one in given] if isinstance(given, (list, tuple)) else [kind(given)]


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

    def if_else(self, condition: Operand, then: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
        """The results of one of two functions, one value or a list as they give it. What they add to the builder is
        done only where the condition asks for it; they may use all values from around them.

            y = b.if_else(b.op("Greater", b.mean(x, (0, 1)), 0.0), lambda: b.relu(x), lambda: x * 0.1)
        """
        one = []

        def branch(function: Callable[[], Any]) -> list[_kiln.Var]:
            given = function()
            one.append(not isinstance(given, (list, tuple)))
            return self._vars(given)

        made = self._builder.if_else(self._var(condition)._var, lambda: branch(then), lambda: branch(otherwise))
        return self._results(made, all(one))

    def loop(self, turns: Operand | None, state: Operand | Sequence[Operand], body: Callable[..., Any], *,
             condition: Operand | None = None) -> Any:
        """Do `body(number, *state)` again and again: `turns` times (None: without end), while `condition` holds. It
        gives the next state, one value or several, or a kiln.Turn. The results are the last state, and what was
        collected.

            power, all_powers = b.loop(5, x, lambda i, y: kiln.Turn(y * x, collect=y))

        The body may be called more than once, until the shapes that it is given hold in every turn.
        """
        given = None if turns is None else self._var(np.int64(turns) if isinstance(turns, int) else turns)._var
        first = None if condition is None else self._var(condition)._var
        made = self._builder.loop(given, first, self._vars(state), lambda number, values: self._turn(
            body(Var(self, number), *(Var(self, value) for value in values))))
        return self._results(made, len(made) == 1)

    def scan(self, state: Operand | Sequence[Operand], sequences: Operand | Sequence[Operand],
             body: Callable[..., Any], *, axes: Ints = 0, backwards: bool | Sequence[bool] = False,
             collect_axes: Ints = 0, collect_backwards: bool | Sequence[bool] = False) -> Any:
        """Do `body(*state, *elements)` for each element of sequences, which lie along `axes`. It gives what that of
        `loop` gives, and so does this.

            total, sums = b.scan(zero, x, lambda total, row: kiln.Turn(total + row, collect=total + row))
        """
        def turn(values: list[_kiln.Var], elements: list[_kiln.Var]) -> Any:
            return self._turn(body(*(Var(self, value) for value in values + elements)))

        made = self._builder.scan(self._vars(state), self._vars(sequences), turn, _each(axes, int),
                                  _each(backwards, bool), _each(collect_axes, int), _each(collect_backwards, bool))
        return self._results(made, len(made) == 1)

    def subgraph(self, body: Callable[..., Any], *inputs: tuple[Any, Sequence[int | str | None] | None],
                 name: str = "inner") -> _kiln.Subgraph:
        """A graph as an attribute of any node: what `body` adds and gives for inputs of these types and shapes.

            b.op("SequenceMap", parts, body=b.subgraph(lambda part: part * 2, ("float32", ("n", 3))))
        """
        types = [(dtype, None if shape is None else tuple(shape)) for dtype, shape in inputs]
        return self._builder.subgraph(
            types, lambda values: self._vars(body(*(Var(self, value) for value in values))), name)

    def _vars(self, given: Any) -> list[_kiln.Var]:
        return [self._var(value)._var for value in (given if isinstance(given, (list, tuple)) else [given])]

    def _turn(self, given: Any) -> tuple[list[_kiln.Var], list[_kiln.Var], _kiln.Var | None]:
        turn = given if isinstance(given, Turn) else Turn(given)
        return (self._vars(turn.state), self._vars(turn.collect),
                None if turn.go_on is None else self._var(turn.go_on)._var)

    def _results(self, made: list[_kiln.Var], is_one: bool) -> Any:
        results = [Var(self, var) for var in made]
        return results[0] if is_one and len(results) == 1 else results

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
