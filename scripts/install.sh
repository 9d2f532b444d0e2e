#!/usr/bin/env bash
# install.sh [program]: installs what a build and its tests need and is missing, or only what the program needs: Debian
# packages, and the Python environment .venv. Silent when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=${1:-all}
packages=(
  g++ make git cmake ninja-build pkg-config ccache mold
  libfmt-dev libprotozero-dev zlib1g-dev nlohmann-json3-dev libcli11-dev libre2-dev
  libturbojpeg0-dev libpng-dev libwebp-dev libtiff-dev libopenjp2-7-dev
  libfreetype-dev fonts-wqy-microhei
  libdnnl-dev
  python3 python3-venv
)
[ "$wanted" = program ] || packages+=(
  clang clang-format clang-tidy lld libclang-rt-dev
  libgtest-dev librapidcheck-dev libbenchmark-dev
  python3-dev ffmpeg
)

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
  [ "$status" = "install ok installed" ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing Debian packages: ${missing[*]}" >&2
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
    >/dev/null
fi

[ -x .venv/bin/pip ] || /usr/bin/python3 -m venv .venv
[ "$wanted" != program ] || exit 0
listed=$(cat requirements-dev.txt scripts/install.sh | sha256sum)
stamp=.venv/installed
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$listed" ]; then
  echo "installing the Python environment .venv" >&2
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
  # Makes `import kiln` find the package that the build lays out.
  site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
  echo "$PWD/build/python" >"$site/kiln_build.pth"
  echo "$listed" >"$stamp"
fi
