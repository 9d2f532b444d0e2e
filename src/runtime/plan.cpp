#include "runtime/plan.hpp"

namespace kiln {
namespace {

SymShape sym(const Shape& shape) { return {shape.begin(), shape.end()}; }

bool same_type(const Type& type, const Value& value) {
  if (!value.is_tensor()) return !type.is_tensor();
  const Tensor& tensor = value.tensor();
  if (!type.is_tensor() || type.dtype != tensor.dtype() || type.shape->size() != tensor.shape().size()) return false;
  for (size_t i = 0; i < tensor.shape().size(); ++i) {
    if ((*type.shape)[i].value() != tensor.shape()[i]) return false;
  }
  return true;
}

}  // namespace

Type type_of(const Value& value) {
  if (value.is_tensor()) return Type::tensor(value.tensor().dtype(), sym(value.tensor().shape()));
  if (value.is_sparse()) return Type::sparse(value.sparse().values.dtype(), sym(value.sparse().shape));
  if (value.is_map()) return Type::map(value.map().keys.dtype(), Type::tensor(value.map().values.dtype(), SymShape{}));
  if (value.is_sequence()) {
    const Sequence& sequence = value.sequence();
    Type element;
    if (sequence.dtype != DType::undefined) element = Type::tensor(sequence.dtype);
    for (size_t i = 0; i < sequence.items.size(); ++i) {
      const Type item = type_of(sequence.items[i]);
      element = i == 0 ? item : join(element, item);
    }
    // The number of elements is no part of the type, and other elements may have other shapes.
    element.shape.reset();
    return Type::sequence(std::move(element));
  }
  return {};
}

Plan make_plan(const EngineDef& engine, std::span<const Value> inputs, int threads) {
  Plan plan;
  std::map<ValueId, Fact> facts;
  for (size_t i = 0; i < inputs.size(); ++i) {
    plan.inputs.push_back(type_of(inputs[i]));
    // A value that is no tensor says less of its type than the model does.
    const bool exact = inputs[i].is_tensor() || inputs[i].is_sparse();
    facts[engine.inputs()[i].value].type = exact ? plan.inputs.back() : engine.inputs()[i].type;
  }
  Diagnostics diagnostics(Diagnostics::Mode::collect);
  plan.facts = ShapeInference(engine.model(), diagnostics, ShapeInference::StatedTypes::ignore).run(facts);
  // Where a rule is broken the reference code runs, and says how.
  if (engine.machine() != nullptr && !diagnostics.has_errors()) {
    plan.schedule = make_schedule(engine.program(), *engine.machine(), plan.facts, threads);
  }
  return plan;
}

bool fits(const Plan& plan, std::span<const Value> inputs) {
  if (plan.inputs.size() != inputs.size()) return false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!same_type(plan.inputs[i], inputs[i])) return false;
  }
  return true;
}

}  // namespace kiln
