#!/usr/bin/env bash
# Installs what a build needs and is missing: Debian packages, and the Python environment .venv. Silent when all is
# there.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  g++ make git cmake ninja-build pkg-config ccache mold
  clang clang-format clang-tidy lld libclang-rt-dev
  libfmt-dev libprotozero-dev zlib1g-dev nlohmann-json3-dev libcli11-dev libre2-dev
  libturbojpeg0-dev libpng-dev libwebp-dev libtiff-dev libopenjp2-7-dev
  libfreetype-dev fonts-wqy-microhei
  libdnnl-dev
  libgtest-dev librapidcheck-dev libbenchmark-dev
  python3 python3-dev python3-venv
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

wanted=$(cat requirements-dev.txt scripts/install.sh | sha256sum)
stamp=.venv/installed
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$wanted" ]; then
  echo "installing the Python environment .venv" >&2
  [ -x .venv/bin/python ] || /usr/bin/python3 -m venv .venv
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
  # Makes `import kiln` find the package that the build lays out.
  site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
  echo "$PWD/build/python" >"$site/kiln_build.pth"
  echo "$wanted" >"$stamp"
fi
