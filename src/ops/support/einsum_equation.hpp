#pragma once

#include <string_view>
#include <vector>

namespace kiln::ops {

/// An Einsum equation for operands of known rank. Labels are numbers: the first are the axes that the
/// ellipsis stands for, then come the letters in the order of their characters.
struct EinsumEquation {
  /// Fails on what is no equation for operands of these ranks.
  EinsumEquation(std::string_view text, const std::vector<size_t>& ranks);

  std::vector<std::vector<int>> inputs;  ///< one label for each axis of each operand
  std::vector<int> output;
  int label_count = 0;

 private:
  int ellipsis_axes_ = 0;
};

}  // namespace kiln::ops
