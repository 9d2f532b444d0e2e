#!/usr/bin/env bash
# fetch_ocr_models.sh: unpacks PP-OCRv4 into build/models, from the package rapidocr-onnxruntime.
set -euo pipefail
cd "$(dirname "$0")/.."

wheel=rapidocr_onnxruntime-1.4.4-py3-none-any.whl
models=build/models
if ! [ -f "$models/$wheel" ]; then
  echo "fetching the text models" >&2
  mkdir -p "$models"
  .venv/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --dest "$models" \
    rapidocr-onnxruntime==1.4.4
fi
echo "971d7d5f223a7a808662229df1ef69893809d8457d834e6373d3854bc1782cbf  $models/$wheel" | sha256sum --check --quiet
if ! [ -f "$models/unpacked" ]; then
  .venv/bin/python -m zipfile -e "$models/$wheel" "$models"
  touch "$models/unpacked"
fi
