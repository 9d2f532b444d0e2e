#pragma once

#include <string>

#include "kernels/layout.hpp"
#include "kernels/norm/norm_table.hpp"

namespace kiln {

/// x / (bias + alpha / size * sum of the squares of `size` neighbouring channels)^beta
struct LocalResponseProblem {
  int64_t size = 1;
  float alpha = 1e-4f, beta = 0.75f, bias = 1;
};

struct LocalResponsePointers {
  const float* in;
  float* out;
};

/// norm_f32_local_response: LRN between blocked tensors, for powers of one half, three quarters and one.
class LocalResponseNorm {
 public:
  LocalResponseNorm(const LocalResponseProblem& problem, const BlockedLayout& in, const BlockedLayout& out, Isa isa);
  static bool can_do(const LocalResponseProblem& problem, Isa isa);

  std::string name() const;
  int64_t scratch_floats(int64_t) const { return 0; }
  int64_t phases() const { return 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const LocalResponsePointers& p, float* scratch) const;

 private:
  LocalResponseProblem problem_;
  BlockedLayout in_, out_;
  Isa isa_;
  const NormTable* table_;
};

}  // namespace kiln
