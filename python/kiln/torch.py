"""Kiln as a backend of torch.compile.

    import kiln.torch
    fast = torch.compile(model.eval(), backend="kiln")
    with torch.no_grad():
        y = fast(x)

    print(kiln.torch.explain(model, x))   # what runs on Kiln, and what stayed in PyTorch, and why

Each graph that PyTorch hands over is exported to ONNX; where some of its operators cannot be, it is cut into pieces and
those stay in PyTorch. `options={"tune": "fast"}` of torch.compile times kernels while it compiles, as kiln.build does.
Graphs that gradients are asked of stay in PyTorch as a whole: compile for inference, under torch.no_grad().
"""
from __future__ import annotations

import collections
import contextlib
import io
import logging
import os
import tempfile
import warnings
from dataclasses import dataclass, field
from typing import Any, Callable, Iterator, Mapping, Sequence

import torch
from torch.fx.passes.split_module import split_module

from . import _kiln
from .engine import build
from .session import Session

_log = logging.getLogger("kiln.torch")
_LARGEST_IN_MEMORY = 1 << 30


@dataclass
class Piece:
    """Operators that run together, on "kiln" or in "torch"; `reason` says why they stayed there."""
    where: str
    ops: collections.Counter
    reason: str = ""

    def __str__(self) -> str:
        names = ", ".join(name if count == 1 else f"{count} x {name}" for name, count in self.ops.most_common(12))
        if len(self.ops) > 12:
            names += f", and {len(self.ops) - 12} more"
        return f"{self.where}: {names or 'nothing'}" + (f" ({self.reason})" if self.reason else "")


@dataclass
class Explanation:
    """What of a model runs where: a list of pieces for each graph that PyTorch found in it."""
    graphs: list[list[Piece]] = field(default_factory=list)

    @property
    def kept_in_torch(self) -> list[Piece]:
        return [piece for graph in self.graphs for piece in graph if piece.where == "torch"]

    def __str__(self) -> str:
        lines = []
        for index, graph in enumerate(self.graphs):
            lines.append(f"graph {index + 1} of {len(self.graphs)}:")
            lines += [f"  {piece}" for piece in graph]
        return "\n".join(lines) or "PyTorch found no graph in it"


class _Kept(Exception):
    """Why something stays in PyTorch."""


_listeners: list[Explanation] = []


def _ops_of(module: torch.fx.GraphModule) -> collections.Counter:
    def name(node: torch.fx.Node) -> str:
        target = node.target
        return str(target) if isinstance(target, (str, torch._ops.OpOverload)) else getattr(target, "__name__", "?")

    calls = ("call_function", "call_method", "call_module")
    return collections.Counter(name(node) for node in module.graph.nodes if node.op in calls)


def _is_static(value: Any) -> bool:
    """A parameter or a buffer of the module: the same tensor in each call."""
    return isinstance(value, torch.nn.Parameter) or getattr(value, "_dynamo_static_input_type", None) is not None


def _symbolic_dims(node: torch.fx.Node) -> dict[int, str]:
    fake = node.meta.get("example_value", node.meta.get("val"))
    if not isinstance(fake, torch.Tensor):
        return {}
    return {axis: str(dim.node.expr) for axis, dim in enumerate(fake.shape) if isinstance(dim, torch.SymInt)}


class _Inference(torch.nn.Module):
    """A graph with its parameters inside, and only tensors as inputs and outputs."""

    def __init__(self, graph: torch.fx.GraphModule, example: Sequence[Any]) -> None:
        super().__init__()
        self.static = [index for index, value in enumerate(example) if _is_static(value)]
        self.taken = [index for index, value in enumerate(example)
                      if isinstance(value, torch.Tensor) and index not in self.static]
        placeholders = [node for node in graph.graph.nodes if node.op == "placeholder"]
        self.dims = [_symbolic_dims(placeholders[index]) for index in self.taken]
        self.numbers: dict[int, tuple[int, int]] = {}
        for index, value in enumerate(example):
            if isinstance(value, torch.Tensor):
                continue
            if not isinstance(value, torch.SymInt):
                raise _Kept(f"an input is of type {type(value).__name__}")
            self.numbers[index] = self._where(str(value.node.expr))
        self._count = len(example)
        self._statics = [example[index] for index in self.static]
        for number, value in enumerate(self._statics):
            if isinstance(value, torch.nn.Parameter):
                self.register_parameter(f"weight_{number}", value)
            else:
                self.register_buffer(f"weight_{number}", value)
        self.graph_module = graph

    def _where(self, symbol: str) -> tuple[int, int]:
        for number, dims in enumerate(self.dims):
            for axis, expression in dims.items():
                if expression == symbol:
                    return number, axis
        raise _Kept(f"no input has the size {symbol}")

    def forward(self, *tensors: torch.Tensor) -> Any:
        given: list[Any] = [None] * self._count
        for index, tensor in zip(self.taken, tensors):
            given[index] = tensor
        for number, index in enumerate(self.static):
            given[index] = getattr(self, f"weight_{number}")
        for index, (number, axis) in self.numbers.items():
            given[index] = tensors[number].shape[axis]
        return [result for result in self.graph_module(*given) if isinstance(result, torch.Tensor)]

    def state(self) -> list[tuple[int, int]]:
        """Changes when somebody writes to a parameter."""
        return [(tensor.data_ptr(), 0 if tensor.is_inference() else tensor._version) for tensor in self._statics]


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """PyTorch's exporter tells its user about itself."""
    # An export inside of torch.compile must not take what it learns of sizes for guards of the function around it.
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), \
            contextlib.redirect_stderr(io.StringIO()), torch._guards.tracing(None):
        warnings.simplefilter("ignore")
        levels = {name: logging.getLogger(name).level for name in ("torch.onnx", "onnxscript", "torch.export")}
        for name in levels:
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)


def _export(module: torch.nn.Module, tensors: Sequence[torch.Tensor],
            dims: Sequence[Mapping[int, str]]) -> torch.export.ExportedProgram:
    shapes = tuple({axis: torch.export.Dim.AUTO for axis in each} or None for each in dims)
    varying = any(dims)
    if isinstance(module, _Inference):  # its forward takes *tensors
        shapes = (shapes,)
    # Its own copies: the export marks the tensors that it sees, which the guards of torch.compile would notice.
    copies = tuple(tensor.detach().clone() for tensor in tensors)
    return torch.export.export(module, copies, dynamic_shapes=shapes if varying else None, strict=False)


def _session_of(program: torch.export.ExportedProgram, options: Mapping[str, Any]) -> Session:
    with _quietly():
        exported = torch.onnx.export(program, dynamo=True, verbose=False)
    held = sum(tensor.nbytes for tensor in program.state_dict.values())
    if held < _LARGEST_IN_MEMORY:
        engine = build(exported.model_proto.SerializeToString(), **options)
    else:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model.onnx")
            exported.save(path, external_data=True)
            engine = build(path, **options)
    return Session(engine)


class _OnKiln(torch.nn.Module):
    """Runs a session on tensors, which share their memory with its arrays."""

    def __init__(self, session: Session, inputs: int) -> None:
        super().__init__()
        self._session = session._session
        self._names = [port.name for port in session.inputs]
        self._outputs = [port.name for port in session.outputs]
        if len(self._names) != inputs:
            raise _Kept(f"its export has {len(self._names)} inputs, expected {inputs}")

    def forward(self, *tensors: torch.Tensor) -> list[torch.Tensor]:
        feed = {name: _array(tensor) for name, tensor in zip(self._names, tensors)}
        return [_tensor(array) for array in self._session.run(feed, self._outputs)]


def _array(tensor: torch.Tensor) -> Any:
    tensor = tensor.detach()
    return _kiln.array_from_dlpack(tensor) if tensor.dtype == torch.bfloat16 else tensor.numpy()


def _tensor(array: Any) -> torch.Tensor:
    if array.dtype.name == "bfloat16":
        return torch.from_dlpack(_kiln.dlpack_from_array(array))
    return torch.from_numpy(array)


def _taken_apart(program: torch.export.ExportedProgram) -> tuple[torch.export.ExportedProgram, Any]:
    """The program in operators that PyTorch's exporter knows, as far as it goes, and the list of those."""
    from torch.onnx._internal.exporter import _fx_passes, _registration
    registry = _registration.ONNXRegistry.from_torchlib()
    return _fx_passes.decompose_with_registry(program, registry), registry


def _is_exportable(node: torch.fx.Node, registry: Any) -> bool:
    if node.op != "call_function":
        return node.op in ("placeholder", "get_attr", "output")
    is_check = str(node.target).startswith(("aten._assert_", "aten.sym_constrain_"))  # which no export keeps
    return is_check or not isinstance(node.target, torch._ops.OpOverload) or registry.is_registered(node.target)


def _module_of(program: torch.export.ExportedProgram) -> torch.fx.GraphModule:
    try:
        return program.module(check_guards=False)
    except TypeError:  # before PyTorch 2.9 there were none
        return program.module()


def _in_pieces(program: torch.export.ExportedProgram, tensors: Sequence[torch.Tensor], registry: Any,
               options: Mapping[str, Any], pieces: list[Piece]) -> torch.nn.Module:
    """Runs of operators that can be exported, on Kiln, and those between in PyTorch."""
    whole = _module_of(program)
    turns: dict[torch.fx.Node, int] = {}
    turn, before = 0, None
    for node in whole.graph.nodes:
        if node.op in ("call_function", "call_method", "call_module"):
            now = _is_exportable(node, registry)
            turn += before is not None and now != before
            before = now
        turns[node] = turn
    cut = split_module(whole, whole, lambda node: turns[node])
    given: dict[str, tuple] = {}

    class Watching(torch.fx.Interpreter):
        def call_module(self, target: Any, args: tuple, kwargs: dict) -> Any:
            given[target] = args
            return super().call_module(target, args, kwargs)

    with torch.no_grad():
        Watching(cut).run(*tensors)
    for name, arguments in given.items():
        piece = cut.get_submodule(name)
        missing = [str(node.target) for node in piece.graph.nodes if not _is_exportable(node, registry)]
        try:
            if missing:
                raise _Kept(f"no export to ONNX for {', '.join(sorted(set(missing)))}")
            if not all(isinstance(argument, torch.Tensor) for argument in arguments):
                raise _Kept("a size goes between two pieces")
            inner = [node for node in piece.graph.nodes if node.op == "placeholder"]
            is_single = not isinstance(next(iter(reversed(piece.graph.nodes))).args[0], (tuple, list))
            with _quietly():
                exported = _export(piece, arguments, [_symbolic_dims(node) for node in inner])
            made = _OnKiln(_session_of(exported, options), len(arguments))
            setattr(cut, name, _Single(made) if is_single else made)
            pieces.append(Piece("kiln", _ops_of(piece)))
        except Exception as error:  # noqa: BLE001: whatever fails there, PyTorch runs it
            pieces.append(Piece("torch", _ops_of(piece), _words(error)))
    return cut


class _Single(torch.nn.Module):
    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self._module = module

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        return self._module(*tensors)[0]


def _words(error: Exception) -> str:
    if isinstance(error, _Kept):
        return str(error)
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}"


def _compiled(inference: _Inference, tensors: Sequence[torch.Tensor], options: Mapping[str, Any],
              pieces: list[Piece]) -> Callable[..., Any]:
    with _quietly():
        program = _export(inference, tensors, inference.dims)
        program, registry = _taken_apart(program)
        if program.graph_signature.buffers_to_mutate or program.graph_signature.user_inputs_to_mutate:
            raise _Kept("it writes to its inputs or buffers")
    if all(_is_exportable(node, registry) for node in program.graph.nodes):
        made = _OnKiln(_session_of(program, options), len(tensors))
        pieces.append(Piece("kiln", _ops_of(program.graph_module)))
        return made.forward
    return _in_pieces(program, tensors, registry, options, pieces)


def _outputs_of(graph: torch.fx.GraphModule) -> list[Any]:
    """For each output a tensor's number, or what it always is."""
    outputs: list[Any] = []
    number = 0
    for value in next(iter(reversed(graph.graph.nodes))).args[0]:
        if not isinstance(value, torch.fx.Node):
            outputs.append((False, value))
            continue
        if not isinstance(value.meta.get("example_value"), torch.Tensor):
            raise _Kept("an output is no tensor")
        outputs.append((True, number))
        number += 1
    return outputs


def _try(graph: torch.fx.GraphModule, example: Sequence[Any], options: Mapping[str, Any],
         pieces: list[Piece]) -> Callable[..., Any]:
    tensors = [value for value in example if isinstance(value, torch.Tensor)]
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
        raise _Kept("gradients are asked for; call it under torch.no_grad()")
    if any(tensor.device.type != "cpu" for tensor in tensors):
        raise _Kept("its tensors are not in the CPU's memory")
    outputs = _outputs_of(graph)
    inference = _Inference(graph, example).eval()
    taken = inference.taken
    run = _compiled(inference, [example[index] for index in taken], options, pieces)
    state = inference.state()

    def call(*given: Any) -> list[Any]:
        nonlocal run, state
        inputs = [given[index] for index in taken]
        if inference.state() != state:  # somebody wrote to the weights since
            run, state = _compiled(inference, inputs, options, []), inference.state()
        results = run(*inputs)
        return [results[value] if is_tensor else value for is_tensor, value in outputs]

    return call


def backend(graph: torch.fx.GraphModule, example: Sequence[Any], *, options: Mapping[str, Any] | None = None,
            mode: str | None = None) -> Callable[..., Any]:
    """What torch.compile calls for each graph. `options` are those of kiln.build; mode "max-autotune" is tune="full".
    """
    wanted = {"tune": "full" if mode in ("max-autotune", "max-autotune-no-cudagraphs") else "off", "verify": False}
    wanted.update(options or {})
    pieces: list[Piece] = []
    try:
        made = _try(graph, example, wanted, pieces)
    except Exception as error:  # noqa: BLE001: whatever fails here, PyTorch runs it
        pieces[:] = [Piece("torch", _ops_of(graph), _words(error))]
        made = graph.forward
    for piece in pieces:
        _log.log(logging.WARNING if piece.where == "torch" else logging.INFO, "%s", piece)
    for explanation in _listeners:
        explanation.graphs.append(pieces)
    return made


def explain(model: Callable[..., Any], *inputs: Any, **keywords: Any) -> Explanation:
    """Compile a model for these inputs, run it once, and say what of it runs on Kiln and what stayed in PyTorch."""
    explanation = Explanation()
    _listeners.append(explanation)
    torch._dynamo.reset()
    try:
        with torch.no_grad():
            torch.compile(model, backend=backend)(*inputs, **keywords)
    finally:
        _listeners.remove(explanation)
        torch._dynamo.reset()
    return explanation


if "kiln" not in torch._dynamo.list_backends(exclude_tags=()):
    torch._dynamo.register_backend(backend, name="kiln")
