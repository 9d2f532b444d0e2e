#pragma once

#include <cstdint>
#include <string>

namespace kiln {

/// A plain tensor [outer][n][inner], along each of whose lanes of n sums run.
struct CumSumProblem {
  int64_t outer = 1, n = 1, inner = 1;
  bool exclusive = false;  ///< a sum leaves out its own place
  bool reverse = false;
};

struct CumSumPointers {
  const float* in;
  float* out;
};

/// cum_sum_f32: CumSum of plain tensors, added in the operator's order; not in place.
class CumSum {
 public:
  explicit CumSum(const CumSumProblem& problem);

  std::string name() const { return "cum_sum_f32"; }
  int64_t scratch_floats(int64_t) const { return 0; }
  int64_t phases() const { return 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const CumSumPointers& p, float* scratch) const;

 private:
  CumSumProblem problem_;
};

}  // namespace kiln
