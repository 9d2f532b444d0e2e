#!/usr/bin/env bash
# build.sh PRESET [TARGET...]: configures a preset of CMakePresets.json where that is still to do, and builds it.
set -euo pipefail
cd "$(dirname "$0")/.."

preset=$1
shift
case $preset in
  release) build=build ;;
  asan-ubsan) build=build-asan ;;
  *) build=build-$preset ;;
esac
[ $# -gt 0 ] || set -- all

# One cache serves every checkout of the tree.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros
log=$build/configure.log
mkdir -p "$build"
if [ ! -f "$build/build.ninja" ] && ! cmake --preset "$preset" >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
cmake --build "$build" --target "$@"
