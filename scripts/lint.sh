#!/usr/bin/env bash
# lint.sh: clang-format and clang-tidy over the tree; prints what they find and ends with the total.
set -uo pipefail
cd "$(dirname "$0")/.."

reports=build/lint
rm -rf "$reports"
mkdir -p "$reports"
check() {
  local name=$1
  shift
  if "$@"; then echo "passed $name"; else echo "failed $name"; fi >>"$reports/lint.checks"
}
format_check() {
  git ls-files -z --cached --others --exclude-standard '*.cpp' '*.hpp' '*.h' |
    xargs -0 -r clang-format --dry-run -Werror >&2
}
# Of a folder that is configured only: there each source is a command of its own.
tidy_check() {
  cmake --preset lint >build/lint/configure.log 2>&1 && .venv/bin/python scripts/tidy.py build-lint >&2
}

check clang-format format_check
check clang-tidy tidy_check
.venv/bin/python scripts/total.py "$reports"
