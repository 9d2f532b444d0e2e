#!/usr/bin/env bash
# run_demo.sh: runs a real model, the text direction classifier of PP-OCR, taken from a Python package.
set -euo pipefail
cd "$(dirname "$0")/.."

models=build/models
model=$models/rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx
if [ ! -f "$model" ]; then
  mkdir -p "$models"
  .venv/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --dest "$models" \
    rapidocr-onnxruntime==1.4.4
  .venv/bin/python -m zipfile -e "$models"/rapidocr_onnxruntime-1.4.4-*.whl "$models"
fi
set -x
build/kiln run "$model" --input x=random:1x3x48x192 --print
