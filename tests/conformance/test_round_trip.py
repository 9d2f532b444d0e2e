"""Every conformance model written back as ONNX: the checker accepts it and it gives the same answers."""
import onnx
import pytest

from excused import EXCUSED
from test_conformance import CASES, round_trip, run_case


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.kind}-{case.name}") for case in CASES])
def test_round_trip(case):
    written = round_trip(case)
    try:
        onnx.checker.check_model(case.load_model())
    except onnx.checker.ValidationError:
        pass  # the original does not pass either
    else:
        onnx.checker.check_model(written)
    if case.name not in EXCUSED:
        run_case(case, written)
