"""torch.compile(backend="kiln"): the same results, and a report of what stayed in PyTorch."""
import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("onnxscript", reason="onnxscript, which PyTorch exports with, is not installed")

import kiln
import kiln.torch
from torch import nn

import torch_models


@pytest.fixture(autouse=True)
def fresh():
    torch.manual_seed(0)
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def compiled(model, **options):
    """The compiled model and what becomes of its pieces."""
    told = kiln.torch.Explanation()
    inner = kiln.torch.backend

    def backend(graph, example):
        kiln.torch._listeners.append(told)
        try:
            return inner(graph, example, **options)
        finally:
            kiln.torch._listeners.remove(told)

    return torch.compile(model, backend=backend), told


def small():
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(),
                         nn.Linear(8 * 36, 5)).eval()


def test_by_name_and_with_other_batches():
    model = small()
    fast = torch.compile(model, backend="kiln")
    with torch.no_grad():
        for batch in (1, 2, 5, 7, 1):
            x = torch.randn(batch, 3, 6, 6)
            torch.testing.assert_close(fast(x), model(x), rtol=1e-4, atol=1e-5)


def test_a_batch_is_exported_once_as_a_symbol():
    model = small()
    fast, told = compiled(model)
    with torch.no_grad():
        for batch in (2, 3, 4, 5, 6):
            x = torch.randn(batch, 3, 6, 6)
            torch.testing.assert_close(fast(x), model(x), rtol=1e-4, atol=1e-5)
    assert len(told.graphs) == 2 and not told.kept_in_torch


def test_results_belong_to_the_caller():
    model = small()
    fast = torch.compile(model, backend="kiln")
    x = torch.randn(2, 3, 6, 6)
    with torch.no_grad():
        first = fast(x)
        before = first.clone()
        fast(torch.randn(2, 3, 6, 6))
        assert torch.equal(first, before)
        first += 1


def test_weights_may_change():
    model = small()
    fast = torch.compile(model, backend="kiln")
    x = torch.randn(2, 3, 6, 6)
    with torch.no_grad():
        fast(x)
        model[4].weight.mul_(2)
        torch.testing.assert_close(fast(x), model(x), rtol=1e-4, atol=1e-5)


def test_gradients_stay_in_torch():
    model = small()
    fast, told = compiled(model)
    x = torch.randn(2, 3, 6, 6)
    fast(x).sum().backward()
    assert model[0].weight.grad is not None
    assert "gradients" in told.kept_in_torch[0].reason


def test_several_inputs_and_outputs_and_types():
    class Several(nn.Module):
        def forward(self, x, ids, flag):
            return {"sum": x + ids, "half": x.to(torch.bfloat16) * 2, "none": None, "picked": torch.where(flag, x, -x)}

    model = Several()
    fast, told = compiled(model)
    x, ids, flag = torch.randn(4, 3), torch.arange(12).reshape(4, 3), torch.rand(4, 3) > 0.5
    with torch.no_grad():
        found, expected = fast(x, ids, flag), model(x, ids, flag)
    assert found["none"] is None and not told.kept_in_torch
    for name in ("sum", "half", "picked"):
        assert found[name].dtype == expected[name].dtype
        torch.testing.assert_close(found[name], expected[name])


@torch.library.custom_op("kiln_tests::backwards", mutates_args=())
def backwards(x: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(x.detach().numpy()[..., ::-1]))


@backwards.register_fake
def _(x):
    return torch.empty_like(x)


class WithOwnOperator(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 2)

    def forward(self, x):
        return self.second(backwards(torch.relu(self.first(x))))


def test_an_operator_that_cannot_be_exported():
    model = WithOwnOperator().eval()
    x = torch.randn(3, 6)
    told = kiln.torch.explain(model, x)
    (pieces,) = told.graphs
    assert [piece.where for piece in pieces] == ["kiln", "torch", "kiln"]
    assert "kiln_tests.backwards" in told.kept_in_torch[0].reason and "kiln_tests.backwards" in str(told)
    fast = torch.compile(model, backend="kiln")
    with torch.no_grad():
        for batch in (3, 4, 6):
            x = torch.randn(batch, 6)
            torch.testing.assert_close(fast(x), model(x), rtol=1e-4, atol=1e-5)


def test_a_graph_break():
    class Breaks(nn.Module):
        def forward(self, x):
            y = torch.sin(x)
            if y.sum().item() > 0:
                return torch.cos(y)
            return torch.tan(y)

    model = Breaks()
    told = kiln.torch.explain(model, torch.ones(3))
    assert len(told.graphs) >= 2
    fast = torch.compile(model, backend="kiln")
    with torch.no_grad():
        for x in (torch.ones(3), -torch.ones(3)):
            torch.testing.assert_close(fast(x), model(x))


def test_writing_to_an_input_stays_in_torch():
    def forward(x):
        x.add_(1)
        return x * 2

    fast, told = compiled(forward)
    with torch.no_grad():
        x = torch.zeros(3)
        assert fast(x).tolist() == [2, 2, 2] and x.tolist() == [1, 1, 1]
    assert "writes" in told.kept_in_torch[0].reason


@pytest.mark.parametrize("name", torch_models.MODELS)
def test_whole_models(name):
    reason = torch_models.why_not(name)
    if reason:
        pytest.skip(reason)
    model, inputs = torch_models.MODELS[name]()
    reference = copy.deepcopy(model)
    fast, told = compiled(model)
    with torch.no_grad():
        torch.testing.assert_close(fast(*inputs), reference(*inputs), rtol=1e-4, atol=1e-4)
    assert not told.kept_in_torch
