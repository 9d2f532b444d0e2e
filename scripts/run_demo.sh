#!/usr/bin/env bash
# run_demo.sh: the main job with trained models, from the model files to pictures in out/: engines are built, a page is
# read, and the objects in a scene and people's joints are found. The text models are those of PP-OCR, taken from a
# Python package.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/fetch_ocr_models.sh
texts=build/models/rapidocr_onnxruntime/models
began=$SECONDS

# show COMMAND...: prints a command, as one may give it, and runs it.
show() {
  printf '\n$ %s\n' "$*"
  "$@"
}
mkdir -p out
# What was measured is kept, so that only the first build takes its time.
show build/kiln build "$texts/ch_PP-OCRv4_det_infer.onnx" -o out/det.kiln --shapes x=1x3x736x928 --time-budget 12s
show build/kiln build "$texts/ch_PP-OCRv4_rec_infer.onnx" -o out/rec.kiln --shapes x=6x3x48x320 --time-budget 12s
show build/kiln build assets/models/scenes.onnx -o out/scenes.kiln --time-budget 8s
show build/kiln build assets/models/figures.onnx -o out/figures.kiln --time-budget 5s
show build/kiln ocr out/det.kiln out/rec.kiln assets/pictures/page.png -o out/page_ocr.png --show-time
show build/kiln detect out/scenes.kiln assets/pictures/scene.png -o out/scene_detected.png --show-time
show build/kiln pose out/scenes.kiln out/figures.kiln assets/pictures/scene.png -o out/scene_joints.png --show-time

cat <<NEXT

All of it took $((SECONDS - began)) s. Look at out/page_ocr.png, out/scene_detected.png and out/scene_joints.png.

With a model of your own:
  build/kiln info model.onnx                         what it takes and gives, and what a run costs
  build/kiln build model.onnx -o model.kiln          an engine for this machine
  build/kiln bench model.kiln --profile              how fast it is, layer by layer
  build/kiln compare ref:model.onnx model.kiln       whether its answers are right
  build/kiln detect model.kiln street.jpg -o found.jpg
  .venv/bin/python -m kiln.dropin program.py         a program written for ONNX Runtime, as it is (after \`make\`)
docs/guide has a page for each task, with the same in C++ and Python.
NEXT
