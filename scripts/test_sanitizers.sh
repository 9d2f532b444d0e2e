#!/usr/bin/env bash
# test_sanitizers.sh: AddressSanitizer and UndefinedBehaviorSanitizer over the unit and conformance tests,
# each fuzz target for KILN_FUZZ_SECONDS (60), from one seed so that a fault comes again, and ThreadSanitizer over the
# tests of concurrency. Ends with the total.
set -uo pipefail
cd "$(dirname "$0")/.."

jobs=$(nproc)
rm -rf build-{asan,tsan}/reports
mkdir -p build-{asan,tsan}/reports
export UBSAN_OPTIONS=print_stacktrace=1
asan_runtime=$(clang++ -print-file-name=libclang_rt.asan-x86_64.so)
export asan_runtime

# build_or_fail PRESET BUILD_DIR TARGET...
build_or_fail() {
  scripts/build.sh "$1" "${@:3}" && return
  echo "failed build of $1" >>"$2/reports/stages.checks"
  return 1
}

# fuzz_one TARGET: what it finds and learns goes to build-asan/fuzz/, the committed corpus is only read. libFuzzer links
# the standard library before the sanitizer's runtime, which has to come first.
fuzz_one() {
  local name
  name=$(basename "$1" .cpp)
  local work=build-asan/fuzz/$name.found
  mkdir -p "$work" "tests/fuzz/corpus/$name"
  LD_PRELOAD=$asan_runtime "build-asan/fuzz/$name" "$work" "tests/fuzz/corpus/$name" -seed=1 \
    -max_total_time="${KILN_FUZZ_SECONDS:-60}" -timeout=5 -rss_limit_mb=2048 -artifact_prefix="$work-" \
    -print_final_stats=1 >"$work.log" 2>&1
  local status=$?
  if [ $status = 0 ]; then
    echo "passed $name" >>build-asan/reports/fuzz.checks
  else
    echo "failed $name" >>build-asan/reports/fuzz.checks
    tail -n 60 "$work.log"
  fi
  echo "$name: $(grep -a 'number_of_executed_units' "$work.log") (exit status $status)"
}
export -f fuzz_one

# Python itself is not instrumented: the runtime goes in first, and what the interpreter keeps is no leak.
if build_or_fail asan-ubsan build-asan all kiln_fuzz; then
  KILN_PRELOAD=$asan_runtime ASAN_OPTIONS=detect_leaks=0 scripts/test.sh build-asan python conformance
  printf '%s\n' tests/fuzz/*_fuzz.cpp | xargs -P "$jobs" -I{} bash -c 'fuzz_one {}'
fi

# A test of concurrency has Concurrent in its name; the rooms that have threads of their own are run whole.
rooms=$({
  grep -l 'Concurrent' tests/*/*_test.cpp
  ls tests/{base,runtime}/*_test.cpp
} 2>/dev/null | cut -d/ -f2 | sort -u)
if [ -n "$rooms" ] && build_or_fail tsan build-tsan $(printf 'test_%s ' $rooms); then
  # ThreadSanitizer cannot map its shadow under every address layout.
  fixed_layout=()
  ! setarch -R true 2>/dev/null || fixed_layout=(setarch -R)
  for room in $rooms; do
    filter='*Concurrent*'
    case $room in base | runtime) filter='*' ;; esac
    report=$PWD/build-tsan/reports/test_$room
    GTEST_BRIEF=1 GTEST_FILTER=$filter GTEST_OUTPUT="xml:$report.xml" TSAN_OPTIONS=halt_on_error=1:die_after_fork=0 \
      "${fixed_layout[@]}" "build-tsan/tests/test_$room"
    echo "$?" >"$report.status"
  done
fi

.venv/bin/python scripts/total.py build-{asan,tsan}/reports
