#pragma once

#include <string>

#include "kernels/norm/norm_table.hpp"

namespace kiln {

/// A tensor [outer][n][inner], each of whose lanes of n becomes a distribution.
struct SoftmaxProblem {
  int64_t outer = 1, n = 1, inner = 1;
  bool log = false;
};

struct SoftmaxPointers {
  const float* in;
  float* out;
};

/// softmax_f32: Softmax and LogSoftmax of plain tensors; may work in place.
class Softmax {
 public:
  Softmax(const SoftmaxProblem& problem, Isa isa);

  std::string name() const;
  int64_t scratch_floats(int64_t) const { return 0; }
  int64_t phases() const { return 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const SoftmaxPointers& p, float* scratch) const;

 private:
  SoftmaxProblem problem_;
  Isa isa_;
  const NormTable* table_;
};

}  // namespace kiln
