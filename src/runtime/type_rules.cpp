#include "runtime/type_rules.hpp"

#include <array>
#include <string_view>

#include "base/error.hpp"

namespace kiln {
namespace {

static_assert(kDTypeCount <= 32);

/// The element type of a tensor type, also within "optional(...)"; undefined for sequences and maps.
DType element_of(std::string_view type) {
  if (type.starts_with("optional(")) type = type.substr(9, type.size() - 10);
  if (!type.starts_with("tensor(")) return DType::undefined;
  return dtype_from_name(type.substr(7, type.size() - 8));
}

}  // namespace

TypeRules::TypeRules(const Schema& schema, size_t inputs) : schema_(schema) {
  std::vector<uint32_t> of_constraint;
  for (const TypeConstraint& constraint : schema.constraints) {
    uint32_t dtypes = 0;
    for (const std::string& type : constraint.types) {
      const DType dtype = element_of(type);
      if (dtype != DType::undefined) dtypes |= uint32_t{1} << static_cast<unsigned>(dtype);
    }
    of_constraint.push_back(dtypes);
  }
  for (size_t i = 0; i < inputs; ++i) {
    const FormalParameter* parameter = schema.input_at(i);
    Rule rule{0, -1};
    if (const TypeConstraint* constraint = parameter ? schema.find_constraint(parameter->type) : nullptr) {
      const auto index = static_cast<size_t>(constraint - schema.constraints.data());
      rule.dtypes = of_constraint[index];
      if (parameter->homogeneous && index < 16) rule.constraint = static_cast<int8_t>(index);
    } else if (parameter) {
      const DType dtype = element_of(parameter->type);
      if (dtype != DType::undefined) rule.dtypes = uint32_t{1} << static_cast<unsigned>(dtype);
    }
    rules_.push_back(rule);
  }
}

void TypeRules::check(std::span<const Value* const> inputs) const {
  std::array<DType, 16> bound{};
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i] || !inputs[i]->is_tensor() || rules_[i].dtypes == 0) continue;
    const DType dtype = inputs[i]->tensor().dtype();
    if ((rules_[i].dtypes >> static_cast<unsigned>(dtype) & 1) == 0) fail_type(i, dtype);
    if (rules_[i].constraint < 0) continue;
    DType& like = bound[static_cast<size_t>(rules_[i].constraint)];
    if (like == DType::undefined) like = dtype;
    if (like != dtype) {
      fail(ErrorCode::invalid_argument,
           "input {} is a tensor of {} where one of {} is expected, like the inputs before", i, dtype_name(dtype),
           dtype_name(like));
    }
  }
}

void TypeRules::fail_type(size_t input, DType found) const {
  const FormalParameter& parameter = *schema_.input_at(input);
  const TypeConstraint* constraint = schema_.find_constraint(parameter.type);
  std::string allowed;
  for (const std::string& type : constraint ? constraint->types : std::vector<std::string>{parameter.type}) {
    allowed += (allowed.empty() ? "" : ", ") + type;
  }
  fail(ErrorCode::invalid_argument, "input {} ({}) is tensor({}); {} of version {} takes {}", input, parameter.name,
       dtype_onnx_name(found), schema_.op->name, schema_.since, allowed);
}

}  // namespace kiln
