#include <cmath>

#include "passes/all_passes.hpp"
#include "passes/pattern.hpp"

namespace kiln::passes {
namespace {

constexpr int64_t first_with_attention = 23;
constexpr int most_masks = 4;
/// A score that is replaced by something as low as this, or has it added, has no weight whatever it was.
constexpr double lowest = -1e9;

const std::vector<int64_t> swap_last{0, 1, 3, 2};  // [B, H, S, D] <-> [B, H, D, S]

/// softmax(scale * q kt + masks) v, as it is written out.
struct Parts {
  ValueId q = no_value, kt = no_value, v = no_value;
  double scale = 1;
  std::vector<ValueId> masks;    ///< each is added
  ValueId condition = no_value;  ///< boolean, or none: where it does not hold, `fill` takes the place of the score
  ValueId fill = no_value;
};

bool is_softmax_of_last(const GraphView& view, const Node& softmax) {
  const SymShape* shape = shape_of(view, softmax.inputs[0]);
  const int64_t axis = int_attribute(softmax, "axis", -1);
  return shape && (axis == -1 || axis == static_cast<int64_t>(shape->size()) - 1);
}

/// Every axis of the mask is 1 or that of the scores, and its last one is that of the scores: since version 24 a mask
/// that is shorter than the keys hides the rest.
bool is_mask(const GraphView& view, ValueId mask, const SymShape& scores) {
  const SymShape* shape = shape_of(view, mask);
  if (!shape || shape->empty() || shape->size() > scores.size() || !(shape->back() == scores.back())) return false;
  for (size_t i = 1; i <= shape->size(); ++i) {
    const Dim& dim = (*shape)[shape->size() - i];
    if (!(dim == Dim(1)) && !(dim == scores[scores.size() - i])) return false;
  }
  return true;
}

bool match_scores(Pattern& pattern, ValueId id, Parts& parts, int depth) {
  const GraphView& view = pattern.view();
  if (depth > most_masks) return false;
  if (const Node* product = pattern.take(id, "MatMul")) {
    parts.q = product->inputs[0];
    parts.kt = product->inputs[1];
    return true;
  }
  const SymShape* shape = shape_of(view, id);
  if (!shape) return false;
  if (view.producer_if(id, "Mul") || view.producer_if(id, "Div")) {
    const Product product = take_product(pattern, id);
    if (product.factors.size() != 1 || product.factors[0] == id) return false;
    // Masks below would be scaled too.
    if (!match_scores(pattern, product.factors[0], parts, depth + 1) || !parts.masks.empty()) return false;
    if (parts.condition != no_value) return false;
    parts.scale *= product.constant;
    return true;
  }
  if (const Node* where = pattern.take(id, "Where")) {
    const auto fill = scalar_of(view, where->inputs[2]);
    if (!fill || *fill > lowest || !is_mask(view, where->inputs[0], *shape)) return false;
    if (!match_scores(pattern, where->inputs[1], parts, depth + 1) || parts.condition != no_value) return false;
    parts.condition = where->inputs[0];
    parts.fill = where->inputs[2];
    return true;
  }
  const Node* sum = pattern.take(id, "Add");
  if (!sum || sum->inputs.size() != 2) return false;
  for (const size_t k : {size_t{0}, size_t{1}}) {
    Pattern attempt = pattern;
    Parts found = parts;
    if (!is_mask(view, sum->inputs[1 - k], *shape) || !match_scores(attempt, sum->inputs[k], found, depth + 1))
      continue;
    pattern = attempt;
    parts = found;
    parts.masks.push_back(sum->inputs[1 - k]);
    return true;
  }
  return false;
}

/// The probabilities, also where rows that see nothing are made 0 as Attention makes them.
bool match_probabilities(Pattern& pattern, ValueId id, Parts& parts) {
  const GraphView& view = pattern.view();
  if (const Node* where = view.producer_if(id, "Where")) {
    const ValueId softmax = where->inputs[2];
    if (!is_scalar(view, where->inputs[1], 0) || !pattern.take(id, "Where")) return false;
    const Node* check = pattern.take(where->inputs[0], "IsNaN");
    if (!check || check->inputs[0] != softmax) return false;
    id = softmax;
  }
  const Node* softmax = pattern.take_shared(id, "Softmax");
  return softmax && is_softmax_of_last(view, *softmax) && match_scores(pattern, softmax->inputs[0], parts, 0);
}

/// Scalars by which a value is multiplied, taken off it.
ValueId unscaled(const GraphView& view, ValueId id, double& scale) {
  while (true) {
    const Node* node = view.producer(id);
    if (!node || !is_plain(*node) || node->inputs.size() != 2) return id;
    const bool divides = is_op(*node, "Div");
    if (!divides && !is_op(*node, "Mul")) return id;
    size_t data = 0;
    auto factor = scalar_of(view, node->inputs[1]);
    if (!factor && !divides) {
      data = 1;
      factor = scalar_of(view, node->inputs[0]);
    }
    if (!factor || *factor == 0 || !is_f32_tensor(view, node->inputs[data])) return id;
    scale *= divides ? 1 / *factor : *factor;
    id = node->inputs[data];
  }
}

/// What a Transpose with these axes makes `id` of; no_value where it is none.
ValueId turned_from(const GraphView& view, ValueId id, const std::vector<int64_t>& perm) {
  const Node* transpose = view.producer_if(id, "Transpose");
  return transpose && ints_attribute(*transpose, "perm") == perm ? transpose->inputs[0] : no_value;
}

/// Builds the nodes that take the place of the pattern.
class Writer {
 public:
  Writer(GraphView& view, Patch& patch, const Node& root) : view_(view), patch_(patch), root_(root) {}

  ValueId add(const char* op, std::vector<ValueId> inputs, std::vector<Attribute> attributes = {}) {
    const ValueId id = view_.new_value(view_.graph().name_of(root_.outputs[0]) + "_" + op);
    patch_.add.push_back(make_node(op, std::move(inputs), id, root_));
    patch_.add.back().attributes = std::move(attributes);
    return id;
  }
  ValueId ints(const std::vector<int64_t>& values) {
    const ValueId id = view_.new_value(view_.graph().name_of(root_.outputs[0]) + "_ints");
    patch_.constants.push_back({id, Tensor::vector(values)});
    return id;
  }
  ValueId turned(ValueId id, const std::vector<int64_t>& perm) {
    return add("Transpose", {id}, {ints_value("perm", perm)});
  }
  /// All masks as one, which Attention adds; no_value without any.
  ValueId mask(const Parts& parts) {
    ValueId sum = no_value;
    for (ValueId id : parts.masks) sum = sum == no_value ? id : add("Add", {sum, id});
    if (parts.condition == no_value) return sum;
    const ValueId zero = view_.new_value("zero");
    patch_.constants.push_back({zero, Tensor::scalar(0.0f)});
    const ValueId hides = add("Where", {parts.condition, zero, parts.fill});
    return sum == no_value ? hides : add("Add", {sum, hides});
  }

 private:
  GraphView& view_;
  Patch& patch_;
  const Node& root_;
};

/// Whether batch and heads of both are the same, so that the product repeats neither.
bool same_batches(const GraphView& view, ValueId a, ValueId b) {
  const SymShape *x = shape_of(view, a), *y = shape_of(view, b);
  if (!x || !y || x->size() != y->size() || x->size() < 3 || x->size() > 4) return false;
  for (size_t i = 0; i + 2 < x->size(); ++i) {
    if (!((*x)[i] == (*y)[i])) return false;
  }
  return true;
}

/// Matrices without an axis of heads are a batch with one head.
void write_matrices(GraphView& view, Writer& writer, const Parts& parts, ValueId mask, Node attention, Patch& patch) {
  ValueId k = turned_from(view, parts.kt, {0, 2, 1});
  if (k == no_value) k = writer.turned(parts.kt, {0, 2, 1});
  // A mask of three axes has one for each matrix.
  const SymShape* shape = mask == no_value ? nullptr : shape_of(view, parts.masks.front());
  if (shape && shape->size() == 3) mask = writer.add("Unsqueeze", {mask, writer.ints({1})});
  attention.inputs = {parts.q, k, parts.v};
  if (mask != no_value) attention.inputs.push_back(mask);
  attention.attributes.push_back(int_value("q_num_heads", 1));
  attention.attributes.push_back(int_value("kv_num_heads", 1));
  patch.add.push_back(std::move(attention));
}

void write_heads(GraphView& view, Writer& writer, const Parts& parts, ValueId mask, Node attention, Patch& patch) {
  const ValueId k = turned_from(view, parts.kt, swap_last);
  attention.inputs = {parts.q, k == no_value ? writer.turned(parts.kt, swap_last) : k, parts.v};
  if (mask != no_value) attention.inputs.push_back(mask);
  patch.add.push_back(std::move(attention));
}

std::optional<Patch> match_attention(GraphView& view, size_t index) {
  Pattern pattern(view, index);
  const Node& root = pattern.root();
  if (root.op_type != "MatMul" || !is_f32_tensor(view, root.outputs[0])) return {};
  Parts parts;
  if (!match_probabilities(pattern, root.inputs[0], parts)) return {};
  parts.v = root.inputs[1];
  if (!same_batches(view, parts.q, parts.kt) || !same_batches(view, parts.q, parts.v)) return {};
  const size_t rank = shape_of(view, parts.q)->size();
  const bool is_packed = rank == 3;
  for (ValueId id : parts.masks) {
    if (is_packed && parts.masks.size() + (parts.condition != no_value ? 1 : 0) > 1) return {};
    if (dtype_of_value(view, id) != DType::f32) return {};
  }
  if (is_packed && parts.condition != no_value) return {};
  parts.q = unscaled(view, parts.q, parts.scale);
  parts.kt = unscaled(view, parts.kt, parts.scale);
  if (!(parts.scale > 0) || !std::isfinite(parts.scale)) return {};

  std::optional<Patch> patch = pattern.replace_by(make_node("Attention", {}, root.outputs[0], root), "Attention");
  if (!patch) return {};
  Node attention = std::move(patch->add.front());
  patch->add.clear();
  attention.attributes.push_back(float_value("scale", static_cast<float>(parts.scale)));
  Writer writer(view, *patch, root);
  const ValueId mask = writer.mask(parts);
  if (is_packed) {
    write_matrices(view, writer, parts, mask, std::move(attention), *patch);
  } else {
    write_heads(view, writer, parts, mask, std::move(attention), *patch);
  }
  return patch;
}

}  // namespace

/// softmax(scale * Q K^T + mask) V is an Attention.
std::vector<Patch> find_attentions(GraphView& view) {
  if (opset_of(view) < first_with_attention) return {};
  return find_patterns(view, [&](size_t index) { return match_attention(view, index); });
}

}  // namespace kiln::passes
