#include "tactics/constant_ints.hpp"

namespace kiln {

std::optional<std::vector<int64_t>> constant_ints(const Problem& p, size_t input) {
  if (!p.has_input(input) || p.inputs[input].constant == nullptr) return std::nullopt;
  const Tensor& list = *p.inputs[input].constant;
  if (list.dtype() == DType::i64) {
    const auto numbers = list.elements<int64_t>();
    return std::vector<int64_t>(numbers.begin(), numbers.end());
  }
  if (list.dtype() == DType::i32) {
    const auto numbers = list.elements<int32_t>();
    return std::vector<int64_t>(numbers.begin(), numbers.end());
  }
  return std::nullopt;
}

}  // namespace kiln
