#!/usr/bin/env bash
# install_test.sh BUILD_DIR: installs a build under a prefix, then builds and runs the examples against it as a user
# would, by find_package(Kiln) and by pkg-config.
set -euo pipefail
cd "$(dirname "$0")/../.."

build=$1
work=$build/install-test
rm -rf "$work"
mkdir -p "$work"
prefix=$PWD/$work/prefix
cmake --install "$build" --prefix "$prefix" >"$work/install.log"

"$prefix/bin/kiln" --help >/dev/null
cmake -S examples/cpp -B "$work/cpp" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_TYPE=Release >"$work/cpp.log"
cmake --build "$work/cpp"
"$work/cpp/example" examples/classifier.onnx

PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name kiln.pc)")
export PKG_CONFIG_PATH
make --no-print-directory -C examples/c BUILD="$PWD/$work/c"
"$work/c/example" examples/classifier.onnx
