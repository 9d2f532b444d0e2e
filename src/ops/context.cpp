#include "ops/context.hpp"

#include "base/error.hpp"

namespace kiln {

namespace {

const Tensor& tensor_of(const Value& value, size_t index) {
  if (!value.is_tensor())
    fail(ErrorCode::invalid_argument, "input {} must be a tensor, found {}", index, value.describe());
  return value.tensor();
}

const Type& unknown_type() {
  static const Type type;
  return type;
}

}  // namespace

const Attribute* NodeView::lookup(std::string_view name, AttributeType type) const {
  const Attribute* attribute = node_.find_attribute(name);
  if (!attribute) {
    const AttributeDef* definition = schema_.find_attribute(name);
    if (definition && definition->default_value.type == type) return &definition->default_value;
    return nullptr;
  }
  if (attribute->type != type) {
    fail(ErrorCode::invalid_model, "attribute '{}' is of type {}, expected {}", name,
         attribute_type_name(attribute->type), attribute_type_name(type));
  }
  if (std::holds_alternative<std::monostate>(attribute->data)) {
    fail(ErrorCode::invalid_model, "attribute '{}' has no value{}", name,
         attribute->ref_name.empty() ? "" : ": it refers to one, which only works inside a function");
  }
  return attribute;
}

namespace {

template <class T>
const T& required(const Attribute* attribute, std::string_view name) {
  if (!attribute) fail(ErrorCode::invalid_model, "the required attribute '{}' is missing", name);
  return std::get<T>(attribute->data);
}

template <class T>
std::span<const T> list(const Attribute* attribute) {
  if (!attribute) return {};
  return std::get<std::vector<T>>(attribute->data);
}

}  // namespace

int64_t NodeView::attr_int(std::string_view name) const {
  return required<int64_t>(lookup(name, AttributeType::int_), name);
}
float NodeView::attr_float(std::string_view name) const {
  return required<float>(lookup(name, AttributeType::float_), name);
}
const std::string& NodeView::attr_string(std::string_view name) const {
  return required<std::string>(lookup(name, AttributeType::string), name);
}
const Tensor& NodeView::attr_tensor(std::string_view name) const {
  return required<Tensor>(lookup(name, AttributeType::tensor), name);
}
const SparseTensor& NodeView::attr_sparse(std::string_view name) const {
  return required<SparseTensor>(lookup(name, AttributeType::sparse_tensor), name);
}
const Graph& NodeView::attr_graph(std::string_view name) const {
  return *required<std::shared_ptr<Graph>>(lookup(name, AttributeType::graph), name);
}
const Type& NodeView::attr_type(std::string_view name) const {
  return required<Type>(lookup(name, AttributeType::type_proto), name);
}
int64_t NodeView::attr_int(std::string_view name, int64_t otherwise) const {
  const Attribute* attribute = lookup(name, AttributeType::int_);
  return attribute ? std::get<int64_t>(attribute->data) : otherwise;
}
float NodeView::attr_float(std::string_view name, float otherwise) const {
  const Attribute* attribute = lookup(name, AttributeType::float_);
  return attribute ? std::get<float>(attribute->data) : otherwise;
}
std::string NodeView::attr_string(std::string_view name, std::string_view otherwise) const {
  const Attribute* attribute = lookup(name, AttributeType::string);
  return attribute ? std::get<std::string>(attribute->data) : std::string(otherwise);
}
std::span<const int64_t> NodeView::attr_ints(std::string_view name) const {
  return list<int64_t>(lookup(name, AttributeType::ints));
}
std::span<const float> NodeView::attr_floats(std::string_view name) const {
  return list<float>(lookup(name, AttributeType::floats));
}
std::span<const std::string> NodeView::attr_strings(std::string_view name) const {
  return list<std::string>(lookup(name, AttributeType::strings));
}

std::vector<Type> EvalHost::infer_graph(const Graph& graph, std::span<const Value>) {
  std::vector<Type> types;
  for (ValueId id : graph.outputs)
    types.push_back(id == no_value ? Type() : graph.values[static_cast<size_t>(id)].type);
  return types;
}

const Value& EvalContext::value(size_t index) const {
  if (!has_input(index)) fail(ErrorCode::invalid_model, "input {} is missing", index);
  return *inputs_[index];
}

const Tensor& EvalContext::input(size_t index) const { return tensor_of(value(index), index); }

std::vector<int64_t> EvalContext::input_ints(size_t index) const {
  const Tensor& tensor = input(index);
  if (tensor.rank() > 1) {
    fail(ErrorCode::invalid_argument, "input {} must be a list, found shape {}", index, to_string(tensor.shape()));
  }
  if (tensor.dtype() == DType::i64) {
    const auto elements = tensor.elements<int64_t>();
    return {elements.begin(), elements.end()};
  }
  if (tensor.dtype() != DType::i32) {
    fail(ErrorCode::invalid_argument, "input {} must be of type i32 or i64, found {}", index,
         dtype_name(tensor.dtype()));
  }
  const auto elements = tensor.elements<int32_t>();
  return {elements.begin(), elements.end()};
}

int64_t EvalContext::input_int(size_t index) const {
  const std::vector<int64_t> elements = input_ints(index);
  if (elements.size() != 1) {
    fail(ErrorCode::invalid_argument, "input {} must hold one number, found {}", index, elements.size());
  }
  return elements.front();
}

bool EvalContext::wants_output(size_t index) const {
  return index < node().outputs.size() && node().outputs[index] != no_value;
}

Tensor& EvalContext::output(size_t index, DType dtype, Shape shape) {
  set_output(index, host_.allocate(dtype, std::move(shape)));
  return outputs_[index].tensor();
}

void EvalContext::set_output(size_t index, Value value) {
  if (index >= outputs_.size()) fail(ErrorCode::internal, "output {} does not exist", index);
  outputs_[index] = std::move(value);
}

void EvalContext::parallel_for(int64_t count, int64_t grain, FunctionRef<void(int64_t, int64_t)> body) {
  host_.parallel_for(count, grain, body);
}

const Type& InferContext::type(size_t index) const { return has_input(index) ? inputs_[index]->type : unknown_type(); }

DType InferContext::dtype(size_t index) const {
  const Type& known = type(index);
  return known.kind == Type::Kind::tensor || known.kind == Type::Kind::sparse ? known.dtype : DType::undefined;
}

const SymShape* InferContext::shape(size_t index) const {
  const Type& known = type(index);
  return known.shape ? &*known.shape : nullptr;
}

const Tensor* InferContext::constant(size_t index) const {
  return has_input(index) && inputs_[index]->constant.defined() ? &inputs_[index]->constant : nullptr;
}

std::optional<std::vector<Dim>> InferContext::dims(size_t index) const {
  if (!has_input(index)) return {};
  if (inputs_[index]->dims) return inputs_[index]->dims;
  const Tensor* tensor = constant(index);
  if (!tensor || tensor->rank() > 1) return {};
  std::vector<Dim> elements;
  if (tensor->dtype() == DType::i64) {
    for (int64_t element : tensor->elements<int64_t>()) elements.emplace_back(element);
  } else if (tensor->dtype() == DType::i32) {
    for (int32_t element : tensor->elements<int32_t>()) elements.emplace_back(element);
  } else {
    return {};
  }
  return elements;
}

std::optional<std::vector<int64_t>> InferContext::ints(size_t index) const {
  const auto elements = dims(index);
  if (!elements) return {};
  std::vector<int64_t> numbers;
  for (const Dim& element : *elements) {
    if (!element.is_known()) return {};
    numbers.push_back(element.value());
  }
  return numbers;
}

void InferContext::set_output(size_t index, DType dtype, std::optional<SymShape> shape) {
  set_output(index, Type::tensor(dtype, std::move(shape)));
}

void InferContext::set_output(size_t index, Type type) {
  if (index < outputs_.size()) outputs_[index].type = std::move(type);
}

void InferContext::set_dims(size_t index, std::vector<Dim> elements) {
  if (index < outputs_.size()) outputs_[index].dims = std::move(elements);
}

void InferContext::set_constant(size_t index, Tensor value) {
  if (index < outputs_.size()) outputs_[index].constant = std::move(value);
}

std::vector<Type> InferContext::infer_graph(std::string_view attribute, std::span<const Type> inputs) {
  return host_.infer_graph(attr_graph(attribute), inputs);
}

std::vector<Type> InferContext::guess_graph(std::string_view attribute, std::span<const Type> inputs) {
  return host_.guess_graph(attr_graph(attribute), inputs);
}

}  // namespace kiln
