#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "kiln/tensor.hpp"
#include "ops/schema.hpp"

namespace kiln {

/// The types that a schema allows for the inputs of a node, made ready for a quick look before each step.
class TypeRules {
 public:
  TypeRules(const Schema& schema, size_t inputs);
  /// Fails with invalid_argument where a tensor is of a type that the operator does not take, or of another type than
  /// an input that must be like it: reference code reads its inputs without asking again.
  void check(std::span<const Value* const> inputs) const;

 private:
  struct Rule {
    uint32_t dtypes;    ///< a bit for each element type of a tensor; 0 where no tensor type is named
    int8_t constraint;  ///< inputs of the same number must be alike; -1 for none
  };
  [[noreturn]] void fail_type(size_t input, DType found) const;

  const Schema& schema_;
  std::vector<Rule> rules_;
};

}  // namespace kiln
