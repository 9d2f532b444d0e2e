#include "passes/pattern.hpp"

#include <algorithm>
#include <cmath>

namespace kiln::passes {
namespace {

constexpr size_t most_factors = 8;

/// The factors of a Mul, or of a Div by a scalar; false for anything else.
bool split(const GraphView& view, const Node& node, Product& product) {
  if (node.inputs.size() != 2) return false;
  if (is_op(node, "Div")) {
    const auto divisor = scalar_of(view, node.inputs[1]);
    if (!divisor || *divisor == 0) return false;
    product.constant /= *divisor;
    product.factors.push_back(node.inputs[0]);
    return true;
  }
  if (!is_op(node, "Mul")) return false;
  product.factors.insert(product.factors.end(), node.inputs.begin(), node.inputs.end());
  return true;
}

/// Opens factors until none can be opened.
void open_factors(Pattern& pattern, Product& product) {
  for (size_t i = 0; i < product.factors.size();) {
    const ValueId id = product.factors[i];
    if (const auto scalar = scalar_of(pattern.view(), id)) {
      product.constant *= *scalar;
    } else {
      const Node* node = product.factors.size() < most_factors ? pattern.take(id, "Mul") : nullptr;
      if (!node) {
        // A Div is taken only where it can be opened.
        const Node* divided = pattern.view().producer_if(id, "Div");
        if (divided && divided->inputs.size() == 2 && scalar_of(pattern.view(), divided->inputs[1])) {
          node = pattern.take(id, "Div");
        }
      }
      if (!node || !split(pattern.view(), *node, product)) {
        ++i;
        continue;
      }
    }
    product.factors.erase(product.factors.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

bool are_all(const std::vector<int64_t>& numbers, int64_t wanted) {
  return std::all_of(numbers.begin(), numbers.end(), [&](int64_t number) { return number == wanted; });
}

}  // namespace

bool Pattern::contains(size_t index) const { return std::find(nodes_.begin(), nodes_.end(), index) != nodes_.end(); }

const Node* Pattern::add(ValueId id, std::string_view op_type) {
  const Node* node = view_->producer_if(id, op_type);
  if (!node || !is_plain(*node) || view_->is_output(id) || view_->is_captured(id)) return nullptr;
  const size_t index = view_->index_of(*node);
  if (!contains(index)) nodes_.push_back(index);
  return node;
}

const Node* Pattern::take(ValueId id, std::string_view op_type) {
  if (id == no_value || view_->readers(id).size() != 1) return nullptr;
  return add(id, op_type);
}

const Node* Pattern::take_shared(ValueId id, std::string_view op_type) {
  if (id == no_value) return nullptr;
  const std::vector<size_t>& readers = view_->readers(id);
  if (!std::all_of(readers.begin(), readers.end(), [&](size_t reader) { return contains(reader); })) return nullptr;
  return add(id, op_type);
}

std::optional<ValueId> Pattern::take_with_constant(ValueId id, std::string_view op_type, double constant) {
  const Node* node = take(id, op_type);
  if (!node || node->inputs.size() != 2) return {};
  if (is_scalar(*view_, node->inputs[1], constant)) return node->inputs[0];
  const bool turns = op_type == "Add" || op_type == "Mul";
  if (turns && is_scalar(*view_, node->inputs[0], constant)) return node->inputs[1];
  return {};
}

std::optional<Patch> Pattern::replace_by(Node node, const std::string& what) const {
  for (ValueId id : node.inputs) {
    const Node* producer = view_->producer(id);
    if (producer && contains(view_->index_of(*producer))) return {};
  }
  Patch patch{.what = "see " + what + " in the nodes that end in " + root().describe(nodes_.front()), .remove = nodes_};
  std::sort(patch.remove.begin(), patch.remove.end());
  patch.add.push_back(std::move(node));
  return patch;
}

std::optional<Product> root_product(Pattern& pattern) {
  Product product;
  if (!split(pattern.view(), pattern.root(), product)) return {};
  open_factors(pattern, product);
  return product;
}

Product take_product(Pattern& pattern, ValueId id) {
  Product product;
  product.factors = {id};
  open_factors(pattern, product);
  return product;
}

std::optional<double> scalar_of(const GraphView& view, ValueId id) {
  if (id == no_value) return {};
  const Tensor& tensor = mapped_tensor(view, id);
  if (tensor.dtype() != DType::f32 || tensor.size() != 1 || tensor.rank() > 1) return {};
  return *known_tensor(view, id).data<float>();
}

bool is_scalar(const GraphView& view, ValueId id, double expected) {
  const auto scalar = scalar_of(view, id);
  return scalar && std::abs(*scalar - expected) <= 1e-6 * std::abs(expected);
}

bool is_f32_tensor(const GraphView& view, ValueId id) {
  const SymShape* shape = shape_of(view, id);
  return shape && !shape->empty() && dtype_of_value(view, id) == DType::f32;
}

bool is_pointwise(const GraphView& view, const Node& conv) {
  if (!is_plain(conv) || !is_op(conv, "Conv") || !has_input(conv, 0) || !has_input(conv, 1)) return false;
  if (!is_f32_tensor(view, conv.inputs[0])) return false;
  const Tensor& weights = mapped_tensor(view, conv.inputs[1]);
  if (!weights.defined() || weights.dtype() != DType::f32 || weights.rank() < 3) return false;
  const Shape& shape = weights.shape();
  const int64_t group = int_attribute(conv, "group", 1);
  if (group < 1 || group > shape[0]) return false;
  // Auto-padding, too, adds nothing to such windows.
  return std::all_of(shape.begin() + 2, shape.end(), [](int64_t size) { return size == 1; }) &&
         are_all(ints_attribute(conv, "strides"), 1) && are_all(ints_attribute(conv, "pads"), 0);
}

}  // namespace kiln::passes
