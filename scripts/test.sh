#!/usr/bin/env bash
# test.sh BUILD_DIR [FOLDER...]: runs the GoogleTest programs of a build and the Python tests of tests/FOLDER, leaves
# their reports in BUILD_DIR/reports and ends with the total. A crash counts as a failure.
set -uo pipefail
cd "$(dirname "$0")/.."

build=$1
shift
folders=("$@")
[ ${#folders[@]} -gt 0 ] || folders=(house check python clients conformance fuzz e2e vision)
jobs=$(nproc)
reports=$PWD/$build/reports
rm -rf "$reports"
mkdir -p "$reports"

if ls tests/*/*_test.cpp >/dev/null 2>&1; then
  GTEST_OUTPUT="xml:$reports/" GTEST_BRIEF=1 \
    ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$jobs" --output-junit "$reports/ctest.junit"
  [ -f "$reports/ctest.junit" ] || echo "failed ctest" >>"$reports/stages.checks"
fi

export KILN_BUILD_DIR=$PWD/$build KILN_CLI=$PWD/$build/kiln PYTHONPATH=$PWD/$build/python
for folder in "${folders[@]}"; do
  find "tests/$folder" -name 'test_*.py' 2>/dev/null | grep -q . || continue
  parallel=()
  [ "$folder" != conformance ] || parallel=(-n "$jobs")
  env ${KILN_PRELOAD:+LD_PRELOAD="$KILN_PRELOAD"} \
    .venv/bin/python -m pytest "tests/$folder" -q "${parallel[@]}" --junitxml "$reports/pytest_$folder.xml"
  echo "$?" >"$reports/pytest_$folder.status"
done

.venv/bin/python scripts/total.py "$reports"
