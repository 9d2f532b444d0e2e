// From the bytes of a picture to boxes: it is decoded, fitted into a small network's input, and what that gives is read
// as a detector's, a pose network's and a text detector's outputs. All ends in an answer or an Error.
#include <bit>
#include <cmath>

#include "base/error.hpp"
#include "base/thread_pool.hpp"
#include "images/image.hpp"
#include "kiln/vision.hpp"
#include "vision/detect/boxes.hpp"
#include "vision/detect/heads.hpp"
#include "vision/network/names.hpp"
#include "vision/ocr/text_boxes.hpp"
#include "vision/pose/decode.hpp"
#include "vision/pose/pose_outputs.hpp"

using namespace kiln;
using namespace kiln::vision;

namespace {

/// A network that gives the picture itself: [1, 3, 32, 32], and as rows of seven [1, boxes, 7].
Detector make_detector() {
  GraphBuilder b;
  const Var x = b.input("x", DType::f32, {1, 3, 32, 32});
  const Var cut =
      b.op("Slice", {b.reshape(b.relu(x), {1, 3072}), b.constant(Tensor::vector<int64_t>({0})),
                     b.constant(Tensor::vector<int64_t>({3066})), b.constant(Tensor::vector<int64_t>({1}))});
  b.output(b.reshape(b.mul(cut, b.constant(Tensor::scalar(40.0f))), {1, 438, 7}), "boxes");
  return Detector(Session(b.model()));
}

/// The bytes as numbers, over and over.
class Numbers {
 public:
  explicit Numbers(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  float next() {
    uint32_t bits = 0;
    for (int i = 0; i < 4; ++i) bits = bits << 8 | bytes_[at_++ % bytes_.size()];
    return std::bit_cast<float>(bits);
  }
  NamedTensor tensor(const char* name, Shape shape) {
    Tensor tensor(DType::f32, std::move(shape));
    for (float& value : tensor.mutable_elements<float>()) value = next();
    return {name, std::move(tensor)};
  }

 private:
  std::span<const uint8_t> bytes_;
  size_t at_ = 3;
};

/// As a detector's outputs, whose shapes the first bytes choose.
void read_as_boxes(std::span<const uint8_t> bytes) {
  if (bytes.size() < 8) return;
  const uint8_t kind = bytes[0];
  const int64_t a = bytes[1] % 40, b = bytes[2] % 12 + 1;
  std::vector<NamedTensor> outputs;
  Numbers numbers(bytes);
  const auto add = [&](const char* name, Shape shape) { outputs.push_back(numbers.tensor(name, std::move(shape))); };
  switch (kind % 5) {
    case 0: add("y", {1, a, b}); break;
    case 1: add("logits", {1, a, b}), add("boxes", {1, a, 4}); break;
    case 2: add("boxes", {1, a, 4}), add("scores", {1, a}), add("classes", {1, a}), add("count", {1}); break;
    case 3: add("p3", {1, 3, b, b, 7}), add("p4", {1, 3, 2, 2, 7}), add("p5", {1, 3, 1, 1, 7}); break;
    default: add("y", {a, 7}); break;
  }
  const FoundBoxes found = read_heads(outputs, {.width = 64, .height = 48, .classes = kind % 7});
  for (const Detection& box : suppress(found.boxes, 0.4f, kind % 2 == 0, 50)) {
    if (!std::isfinite(box.left)) __builtin_trap();
  }
}

/// As those of a pose network.
void read_as_joints(std::span<const uint8_t> bytes) {
  if (bytes.size() < 8) return;
  const int64_t joints = bytes[1] % 20, size = bytes[2] % 12 + 1;
  Numbers numbers(bytes);
  std::vector<NamedTensor> outputs;
  const auto add = [&](const char* name, Shape shape) { outputs.push_back(numbers.tensor(name, std::move(shape))); };
  switch (bytes[0] % 4) {
    case 0: add("maps", {1, joints, size, size + 3}), add("depth", {1, joints}), add("conf", {1, joints}); break;
    case 1: add("x", {1, joints, 8 + size}), add("y", {1, joints, 9}), add("z", {1, joints, 8}); break;
    case 2: add("places", {1, joints, 3}), add("score", {1, joints, 1}); break;
    default: add("places", {1, 3, joints}), add("maps", {1, joints, size, 2}); break;
  }
  PoseOutputs sorted = sort_outputs(outputs);
  if (sorted.joints == 0) return;
  add_mirrored(sorted, sort_outputs(outputs), {{0, 1}, {2, bytes[3]}});
  joints_of(sorted, 64, 48, Refinement::taylor);
}

void look_at(const Picture& picture, Numbers& numbers) {
  static Detector detector = make_detector();
  detector.detect(picture);
  Tensor map(DType::f32, {1, 3, 48, 64});
  prepare_into(map, 0, picture, {.width = 64, .height = 48, .fit = Fit::stretch});
  find_text_boxes(map.data<float>(), 64, 48, picture.width(), picture.height(), {});
  decode_heat_maps(map.data<float>(), 3, 48, 64, Refinement::taylor);
  warp(picture, {0.7, 0.3, -4, -0.3, 0.7, 9, 0, 0, 1}, 40, 40);
  Projection any;
  for (double& value : any) value = numbers.next();
  for (const bool replicate : {false, true}) {
    warp(picture, any, 20, 9, {.replicate = replicate});
    warp(picture, any, 20, 9, {.sampling = Sampling::cubic, .replicate = replicate});
    warp(picture, {0.9, 0.1, -1, 0.02, 0.8, 0, 1e-4, 0, 1}, 20, 9,
         {.sampling = Sampling::cubic, .replicate = replicate});
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  threads_knob.set(1);
  max_pixels.set(1 << 20);  // a file of some bytes may say more, and then keeps the sanitizers for seconds
  const std::span<const uint8_t> bytes(data, size);
  for (const auto read : {read_as_boxes, read_as_joints}) {
    try {
      read(bytes);
    } catch (const Error&) {
    }
  }
  parse_names(std::string(reinterpret_cast<const char*>(data), std::min<size_t>(size, 4096)));
  try {
    const Picture picture = Picture::decode(bytes);
    // Larger ones take long without another path being taken.
    if (picture.width() * picture.height() > int64_t{1} << 16) return 0;
    Numbers numbers(bytes);
    look_at(picture, numbers);
  } catch (const Error&) {
  }
  return 0;
}
