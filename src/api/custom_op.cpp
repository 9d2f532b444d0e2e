#include "kiln/custom_op.hpp"

#include "api/attribute_values.hpp"
#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/custom.hpp"

namespace kiln {

std::optional<AttributeValue> attribute_value(const Attribute& attribute) {
  return std::visit(
      [](const auto& data) -> std::optional<AttributeValue> {
        using T = std::decay_t<decltype(data)>;
        if constexpr (std::is_constructible_v<AttributeValue, const T&>) return AttributeValue(data);
        return {};
      },
      attribute.data);
}

Attribute make_attribute(std::string name, AttributeValue value) {
  constexpr AttributeType types[] = {AttributeType::int_,    AttributeType::float_, AttributeType::string,
                                     AttributeType::tensor,  AttributeType::ints,   AttributeType::floats,
                                     AttributeType::strings, AttributeType::graph,  AttributeType::type_proto};
  Attribute attribute{.name = std::move(name), .type = types[value.index()]};
  std::visit(
      [&]<class T>(T&& data) {
        using Data = std::decay_t<T>;
        if constexpr (std::is_same_v<Data, Subgraph>) {
          attribute.data = std::move(data.graph);
        } else if constexpr (std::is_same_v<Data, TensorType>) {
          attribute.data = make_type(data);
        } else {
          attribute.data = std::forward<T>(data);
        }
      },
      std::move(value));
  return attribute;
}

TensorType tensor_type(const Type& type) {
  TensorType found;
  if (!type.is_tensor()) return found;
  found.dtype = type.dtype;
  found.has_shape = type.shape.has_value();
  if (!type.shape) return found;
  for (const Dim& dim : *type.shape) {
    found.shape.push_back({dim.is_known() ? dim.value() : -1, dim.is_symbolic() ? dim.str() : std::string()});
  }
  return found;
}

Type make_type(const TensorType& type) {
  if (!type.has_shape) return Type::tensor(type.dtype);
  SymShape shape;
  for (const PortDim& dim : type.shape) {
    if (dim.value < -1) fail(ErrorCode::invalid_argument, "a dim cannot be {}", dim.value);
    shape.push_back(dim.value >= 0 ? Dim(dim.value) : Dim::parse(dim.symbol));
  }
  return Type::tensor(type.dtype, std::move(shape));
}

namespace {

Attributes attributes_of(const NodeView& node) {
  Attributes attributes;
  for (const Attribute& attribute : node.node().attributes) {
    if (auto value = attribute_value(attribute)) attributes.emplace(attribute.name, std::move(*value));
  }
  return attributes;
}

void expect_count(size_t found, size_t wanted) {
  if (found >= wanted) return;
  fail(ErrorCode::invalid_data, "its function gave {} outputs, expected {}", found, wanted);
}

void run(const CustomOp& op, EvalContext& context) {
  std::vector<const Value*> inputs;
  for (size_t i = 0; i < context.input_count(); ++i) {
    inputs.push_back(context.has_input(i) ? &context.value(i) : nullptr);
  }
  std::vector<Value> outputs = op.run(attributes_of(context), inputs);
  expect_count(outputs.size(), context.output_count());
  for (size_t i = 0; i < context.output_count(); ++i) {
    if (context.wants_output(i)) context.set_output(i, std::move(outputs[i]));
  }
}

void infer(const CustomOp& op, InferContext& context) {
  std::vector<TensorType> inputs;
  for (size_t i = 0; i < context.input_count(); ++i) inputs.push_back(tensor_type(context.type(i)));
  const std::vector<TensorType> outputs = op.infer(attributes_of(context), inputs);
  for (size_t i = 0; i < context.output_count() && i < outputs.size(); ++i) {
    if (outputs[i].dtype != DType::undefined) context.set_output(i, make_type(outputs[i]));
  }
}

}  // namespace

void register_op(CustomOp op) {
  CustomOpDef definition{.domain = op.domain, .name = op.name, .since = op.version};
  const auto shared = std::make_shared<const CustomOp>(std::move(op));
  if (shared->run) definition.eval = [shared](EvalContext& context) { run(*shared, context); };
  if (shared->infer) definition.infer = [shared](InferContext& context) { infer(*shared, context); };
  register_custom_op(std::move(definition));
}

}  // namespace kiln
