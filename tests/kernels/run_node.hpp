#pragma once

#include <utility>
#include <variant>

#include "kernels/reference.hpp"

/// What tests of kernels of whole nodes share: the reference of any node, and comparing with it number by number.
namespace kiln::kernel_test {

/// The reference results of an operator of any opset; an undefined tensor is an input left out.
inline std::vector<Tensor> run_node(const std::string& op_type, const std::vector<Tensor>& inputs,
                                    const Attributes& attributes, size_t output_count = 1, int64_t opset = 22) {
  return run_node(op_type, static_cast<int>(opset), inputs, attributes, output_count);
}

/// Runs all phases of a kernel in so many parts, each with its threads' worth of scratch.
template <class Kernel, class Pointers>
void run_parts(const Kernel& kernel, int64_t parts, const Pointers& pointers) {
  std::vector<float> scratch(static_cast<size_t>(kernel.scratch_floats(parts)), NAN);
  for (int64_t phase = 0; phase < kernel.phases(); ++phase) {
    for (int64_t part = 0; part < parts; ++part) kernel.run_part(phase, part, parts, pointers, scratch.data());
  }
}

/// The largest difference, over 1 or what is expected where that is larger; NaN equals NaN, an infinity itself.
inline double worst_difference(const float* actual, const Tensor& expected) {
  const float* e = expected.data<float>();
  double worst = 0;
  for (int64_t i = 0; i < expected.size(); ++i) {
    const double a = static_cast<double>(actual[i]), b = static_cast<double>(e[i]);
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    const double difference = std::fabs(a - b) / std::fmax(1.0, std::fabs(b));
    worst = std::fmax(worst, std::isnan(difference) ? INFINITY : difference);
  }
  return worst;
}
inline double worst_difference(const Tensor& actual, const Tensor& expected) {
  return worst_difference(actual.data<float>(), expected);
}

/// A blocked tensor inside a wider one: where it begins and all floats around it.
struct BlockedBuffer {
  BlockedLayout layout;
  int64_t before = 0;  ///< channel blocks of the wider tensor before it
  std::vector<float> floats;

  BlockedBuffer(Philox& rng, const Tensor& like, Isa isa)
      : layout{like.dim(0), like.dim(1), like.dim(2), like.dim(3), block_of(isa), random_halo(rng, 0, 2)} {
    if (pick(rng, 0, 2) == 0) {
      before = pick(rng, 0, 2);
      layout.image_blocks = before + layout.blocks() + pick(rng, 0, 1);
    }
    floats = rubbish(layout.floats() + before * layout.block_stride());
  }
  BlockedBuffer(const Tensor& like, Isa isa, Halo halo)
      : layout{like.dim(0), like.dim(1), like.dim(2), like.dim(3), block_of(isa), halo},
        floats(rubbish(layout.floats())) {}
  float* data() { return floats.data() + before * layout.block_stride(); }
  void set(const Tensor& x) {
    BlockedLayout own = layout;
    own.image_blocks = 0;
    const std::vector<float> blocked = to_blocked(x, own);
    for (int64_t n = 0; n < layout.n; ++n) {
      std::copy_n(blocked.data() + n * own.image_stride(), own.image_stride(), data() + n * layout.image_stride());
    }
  }
  /// Fails the test where halo or channel padding is not zero, or where it wrote beside the view.
  Tensor get() const {
    const int64_t first = before * layout.block_stride(), wide = layout.image_stride();
    const int64_t own = layout.blocks() * layout.block_stride();
    int64_t dirty = 0;
    for (int64_t i = 0; i < static_cast<int64_t>(floats.size()); ++i) {
      const bool inside = i >= first && (i - first) % wide < own && (i - first) / wide < layout.n;
      if (!inside && floats[static_cast<size_t>(i)] != 1e9f) ++dirty;
    }
    EXPECT_EQ(dirty, 0) << "floats beside the view are written";
    return from_blocked({floats.begin() + first, floats.end()}, layout);
  }
};

}  // namespace kiln::kernel_test
