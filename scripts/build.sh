#!/usr/bin/env bash
# build.sh PRESET [TARGET...]: configures a preset of CMakePresets.json where that is still to do, and builds it.
set -euo pipefail
cd "$(dirname "$0")/.."

preset=$1
shift
case $preset in
  release | program) build=build ;;
  asan-ubsan) build=build-asan ;;
  *) build=build-$preset ;;
esac
[ $# -gt 0 ] || set -- all

# One cache serves every checkout of the tree. What is not in it is compiled without being preprocessed before.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_DEPEND=1
log=$build/configure.log
mkdir -p "$build"
# A folder that was configured for the program alone is configured anew for all else.
cache=$build/CMakeCache.txt
if [ ! -f "$build/build.ninja" ] || { [ "$preset" = release ] && grep -q "^KILN_TESTS:.*=OFF" "$cache"; }; then
  if ! cmake --preset "$preset" >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
  fi
fi
cmake --build "$build" --target "$@"
