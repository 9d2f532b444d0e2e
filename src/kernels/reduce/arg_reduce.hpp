#pragma once

#include <string>

#include "kernels/reduce/reduce_table.hpp"

namespace kiln {

/// A plain tensor [outer][n][inner], of each of whose lanes of n the index of the best is sought.
struct ArgReduceProblem {
  int64_t outer = 1, n = 1, inner = 1;
  bool least = false;  ///< ArgMin
  bool last = false;   ///< of equals the last
};

struct ArgReducePointers {
  const float* in;
  int64_t* out;
};

/// arg_reduce_f32: ArgMax and ArgMin of plain tensors. A NaN is the best, as in numpy.
class ArgReduce {
 public:
  ArgReduce(const ArgReduceProblem& problem, Isa isa);

  std::string name() const;
  int64_t scratch_floats(int64_t) const { return 0; }
  int64_t phases() const { return 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const ArgReducePointers& p, float* scratch) const;

 private:
  int64_t best_of_lane(const float* in) const;

  ArgReduceProblem problem_;
  Isa isa_;
  const ReduceTable* table_;
};

}  // namespace kiln
