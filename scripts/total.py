"""total.py REPORTS...: adds up the reports in these folders and prints `N passed, N failed`; exits 1 if any failed.

Read are the JUnit files of GoogleTest and pytest (*.xml), ctest's own (ctest.junit) and the exit status of each pytest
run (*.status), which tell of programs that died before they could report, and lists of single checks (*.checks, lines
of `passed NAME` or `failed NAME`).
"""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def read_junit(path):
    """Counts of a JUnit file as (passed, failed, skipped); one that is cut short counts as a failure."""
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError):
        return 0, 1, 0
    passed = failed = skipped = 0
    for case in root.iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def read_reports(folder):
    passed = failed = skipped = 0
    failed_in = {}
    for path in sorted(folder.glob("*.xml")):
        counts = read_junit(path)
        failed_in[path.stem] = counts[1]
        passed, failed, skipped = passed + counts[0], failed + counts[1], skipped + counts[2]

    ctest = folder / "ctest.junit"
    if ctest.exists():
        for case in ElementTree.parse(ctest).getroot().iter("testcase"):
            if case.get("status") != "run" and not failed_in.get("test_" + case.get("name")):
                print(f"died without a report: {case.get('name')} ({case.get('status')})")
                failed += 1
    for path in sorted(folder.glob("*.status")):
        if path.read_text().strip() != "0" and not failed_in.get(path.stem):
            print(f"died without a report: {path.stem} (exit status {path.read_text().strip()})")
            failed += 1
    for path in sorted(folder.glob("*.checks")):
        for line in path.read_text().splitlines():
            passed += line.startswith("passed ")
            failed += line.startswith("failed ")
    return passed, failed, skipped


def main():
    passed = failed = skipped = 0
    for folder in map(Path, sys.argv[1:]):
        counts = read_reports(folder)
        passed, failed, skipped = passed + counts[0], failed + counts[1], skipped + counts[2]
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
