"""`kiln check` against broken models, one for each kind of fault, and against every conformance model."""
import json
import os
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

import kiln

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "conformance"))
import cases  # noqa: E402
import make_broken  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("broken")
    make_broken.write_all(path)
    return path


def errors_of(source):
    return [finding for finding in kiln.check(source) if finding.is_error]


def onnx_refuses(path):
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except Exception:  # It raises many types, and what it says is not looked at.
        return True
    return False


def test_there_are_enough_faults():
    assert len(make_broken.FAULTS) >= 70
    assert len({fault.name for fault in make_broken.FAULTS}) == len(make_broken.FAULTS)


def test_sound_models_are_accepted():
    twice = make_broken.function_model([make_broken.double()])
    for model in (make_broken.sound(), twice):
        onnx.checker.check_model(model, full_check=True)
        assert kiln.check(model.SerializeToString()) == []


@pytest.mark.parametrize("fault", make_broken.FAULTS, ids=lambda fault: fault.name)
def test_fault_is_found(fault, folder):
    found = errors_of(str(folder / f"{fault.name}.onnx"))
    assert any(finding.rule == fault.rule and fault.names in f"{finding.place}: {finding.message}"
               for finding in found), found


@pytest.mark.parametrize("fault", make_broken.FAULTS, ids=lambda fault: fault.name)
def test_onnx_refuses_the_same(fault, folder):
    assert onnx_refuses(folder / f"{fault.name}.onnx") == fault.onnx_refuses


def test_all_faults_are_found_at_once():
    model = make_broken.sound()
    model.graph.ClearField("name")
    model.graph.node[1].op_type = "Rellu"
    model.graph.node[0].input[1] = "v"
    model.graph.output.append(make_broken.value("z"))
    rules = {finding.rule for finding in errors_of(model.SerializeToString())}
    assert {"missing-name", "unknown-operator", "undefined-input", "undefined-output"} <= rules


def test_what_is_not_needed_is_told():
    model = make_broken.sound()
    model.graph.node.append(onnx.helper.make_node("Neg", ["x"], ["n"], name="idle"))
    model.graph.initializer.append(make_broken.weight("spare"))
    model.graph.input.append(make_broken.value("silent"))
    found = kiln.check(model.SerializeToString())
    assert {finding.rule for finding in found} == {"dead-node", "unused-initializer", "unused-input"}
    assert not any(finding.is_error for finding in found)


def test_conformance_models_are_accepted():
    refused = {}
    for case in cases.all_cases():
        found = errors_of(case.path or case.model)
        if found:
            refused[case.name] = found
    assert not refused


def test_a_file_that_is_not_there():
    with pytest.raises(kiln.Error) as error:
        kiln.check("/nonexistent/model.onnx")
    assert error.value.code == "not_found"


def large_model(path, count):
    """x[2,n] MatMul w[n,1], where the n floats of w are a hole in the file."""
    def field(number, content):
        return bytes([number << 3 | 2]) + length(len(content)) + content

    def length(value):
        text = b""
        while value >= 128:
            text += bytes([value & 127 | 128])
            value >>= 7
        return text + bytes([value])

    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"])
    rest = (field(1, node.SerializeToString()) + field(2, b"main")
            + field(11, make_broken.value("x", (2, count)).SerializeToString())
            + field(12, make_broken.value("y", (2, 1)).SerializeToString()))
    head = bytes([8]) + length(count) + bytes([8, 1, 16, 1]) + field(8, b"w") + bytes([9 << 3 | 2]) + length(4 * count)
    tensor = bytes([5 << 3 | 2]) + length(len(head) + 4 * count) + head
    opset = onnx.helper.make_opsetid("", 21).SerializeToString()
    with open(path, "wb") as out:
        out.write(bytes([8, 10]) + field(8, opset) + bytes([7 << 3 | 2])
                  + length(len(rest) + len(tensor) + 4 * count) + rest + tensor)
        out.truncate(out.tell() + 4 * count)


def test_weights_are_not_read(tmp_path):
    path = tmp_path / "large.onnx"
    large_model(path, 130_000_000)
    assert path.stat().st_size > 500_000_000
    script = ("import kiln, sys\n"
              "def peak(): return int(next(l for l in open('/proc/self/status') if l.startswith('VmHWM')).split()[1])\n"
              "before = peak()\n"
              "assert not kiln.check(sys.argv[1])\n"
              "kiln.Model.load(sys.argv[1])\n"
              "print(peak() - before)\n")
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 60 * 1024


@pytest.mark.skipif("KILN_CLI" not in os.environ, reason="needs the command line program")
def test_command_line(folder):
    def run(*arguments):
        return subprocess.run([os.environ["KILN_CLI"], "check", *arguments], capture_output=True, text=True)
    done = run(str(folder / "operator_misspelt.onnx"))
    assert done.returncode == 1 and "is 'Relu' meant?" in done.stdout
    done = run("--json", str(folder / "operator_misspelt.onnx"))
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["errors"] >= 1 and report["findings"][0]["rule"] == "unknown-operator"
    (folder / "sound.onnx").write_bytes(make_broken.sound().SerializeToString())
    assert run(str(folder / "sound.onnx")).returncode == 0
