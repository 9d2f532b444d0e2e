"""The total that closes a test run counts what failed, and what died before it could say so."""

import subprocess
import sys
from pathlib import Path

TOTAL = Path(__file__).resolve().parents[2] / "scripts" / "total.py"


def total(folder):
    done = subprocess.run([sys.executable, TOTAL, folder], capture_output=True, text=True, check=False)
    return done.stdout.splitlines()[-1], done.returncode


def test_counts_cases(tmp_path):
    (tmp_path / "test_base.xml").write_text(
        '<testsuites><testsuite><testcase name="a" status="run"/><testcase name="b" status="run"/>'
        '<testcase name="c" status="notrun"/></testsuite></testsuites>')
    (tmp_path / "fuzz.checks").write_text("passed one\n")
    assert total(tmp_path) == ("3 passed, 0 failed, 1 skipped", 0)


def test_counts_failures(tmp_path):
    (tmp_path / "pytest_x.xml").write_text(
        "<testsuites><testsuite><testcase/><testcase><failure/></testcase></testsuite></testsuites>")
    (tmp_path / "pytest_x.status").write_text("1\n")
    assert total(tmp_path) == ("1 passed, 1 failed", 1)


def test_counts_a_crash(tmp_path):
    (tmp_path / "test_graph.xml").write_text("<testsuites><testsuite><testcase/></testsuite></testsuites>")
    (tmp_path / "ctest.junit").write_text(
        '<testsuite><testcase name="graph" status="run"/><testcase name="base" status="fail"/></testsuite>')
    (tmp_path / "pytest_y.status").write_text("134\n")
    assert total(tmp_path) == ("1 passed, 2 failed", 1)


def test_counts_a_report_cut_short(tmp_path):
    (tmp_path / "test_base.xml").write_text("<testsuites><testsu")
    assert total(tmp_path) == ("0 passed, 1 failed", 1)


def test_no_test_is_no_success(tmp_path):
    assert total(tmp_path) == ("0 passed, 0 failed", 1)
