#pragma once

#include <string>

#include "kernels/reduce/reduce_table.hpp"

namespace kiln {

/// A plain tensor [outer][n][inner], of each of whose lanes of n the k best are taken, best first.
struct TopKProblem {
  int64_t outer = 1, n = 1, inner = 1, k = 1;
  bool largest = true;
};

struct TopKPointers {
  const float* in;
  float* values;
  int64_t* indices;
};

/// topk_f32: TopK of plain tensors, with a heap in the place of the indices. NaN is above all numbers; of equals the
/// first comes first.
class TopK {
 public:
  TopK(const TopKProblem& problem, Isa isa);

  std::string name() const;
  int64_t scratch_floats(int64_t) const { return 0; }
  int64_t phases() const { return 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const TopKPointers& p, float* scratch) const;

 private:
  int64_t key(float value, int64_t index) const;
  int64_t index_of(int64_t key) const;
  void gather_lane(const float* in, int64_t* heap) const;

  TopKProblem problem_;
  Isa isa_;
  const ReduceTable* table_;
};

}  // namespace kiln
