#!/usr/bin/env bash
# bench.sh [ARGUMENT...]: builds and runs every micro-benchmark, with the arguments of Google Benchmark.
set -euo pipefail
cd "$(dirname "$0")/.."

mkdir -p build
cmake --preset release -DKILN_BENCH=ON >build/configure.log
scripts/build.sh release kiln_bench
for program in build/bench/*; do
  [ ! -f "$program" ] || "$program" "$@"
done
