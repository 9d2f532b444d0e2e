#pragma once

#include "base/error.hpp"
#include "ops/context.hpp"

namespace kiln {

/// Runs an operator's reference code on constants, without threads, subgraphs or randomness. No result may be larger
/// than `largest` elements.
class FoldingHost : public EvalHost {
 public:
  explicit FoldingHost(int64_t largest) : largest_(largest) {}
  Tensor allocate(DType dtype, Shape shape) override {
    if (element_count(shape) > largest_) fail(ErrorCode::limit_exceeded, "too large to fold");
    return {dtype, std::move(shape)};
  }
  void parallel_for(int64_t count, int64_t, FunctionRef<void(int64_t, int64_t)> body) override {
    if (count > 0) body(0, count);
  }
  std::vector<Value> run_graph(const Graph&, std::span<const Value>) override {
    fail(ErrorCode::internal, "subgraphs are not folded");
  }
  void check_cancelled() override {}
  uint64_t next_seed() override { fail(ErrorCode::internal, "random operators are not folded"); }

 private:
  int64_t largest_;
};

}  // namespace kiln
