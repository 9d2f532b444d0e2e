#include <algorithm>
#include <optional>

#include "base/error.hpp"
#include "graph/captures.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/training/derivatives.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText gradient_versions[] = {
    {1, "Inputs~:T1 -> Outputs~:T2", "xs!:strings y!:string zs:strings", "T1=basic T2=real"},
};

void infer_gradient(InferContext& c) {
  const size_t wanted = c.attr_strings("xs").size();
  if (c.output_count() > wanted || c.input_count() != wanted + c.attr_strings("zs").size()) {
    fail(ErrorCode::invalid_model, "xs names {} tensors and zs {}; the node has {} inputs and {} outputs", wanted,
         c.attr_strings("zs").size(), c.input_count(), c.output_count());
  }
  for (size_t i = 0; i < c.output_count(); ++i) {
    Type type = c.type(i);
    type.denotation.clear();
    c.set_output(i, std::move(type));
  }
}

bool is_real_tensor(const Value& value) {
  if (!value.is_tensor()) return false;
  const DType dtype = value.tensor().dtype();
  return dtype == DType::f32 || dtype == DType::f64 || dtype == DType::f16 || dtype == DType::bf16;
}

/// Walks back through the body of a Gradient node (graph/gradient_body.hpp), whose values have been computed.
class BackwardPass {
 public:
  BackwardPass(const NodeView& gradient, const Graph& body, const std::vector<Value>& values)
      : gradient_(gradient), body_(body), values_(values), depends_(values.size(), false), gradients_(values.size()) {}

  void run(ValueId y, std::span<const ValueId> sources) {
    if (!is_real_tensor(value(y))) {
      fail(ErrorCode::invalid_argument, "'{}' is {}, which cannot be differentiated", body_.name_of(y),
           value(y).describe());
    }
    const std::vector<const Node*> order = topological_order();
    for (ValueId id : sources) depends_[slot(id)] = true;
    for (const Node* node : order) mark(*node);
    gradients_[slot(y)] = Dense(value(y).tensor().shape(), 1);
    for (auto node = order.rbegin(); node != order.rend(); ++node) derive(**node);
  }

  Dense gradient_of(ValueId id) const {
    return gradients_[slot(id)] ? *gradients_[slot(id)] : Dense(value(id).tensor().shape());
  }

 private:
  static size_t slot(ValueId id) { return static_cast<size_t>(id); }
  const Value& value(ValueId id) const { return values_[slot(id)]; }

  std::vector<const Node*> topological_order() const {
    std::vector<bool> ready(values_.size(), true);
    for (const Node& node : body_.nodes) {
      for (ValueId id : node.outputs) {
        if (id != no_value) ready[slot(id)] = false;
      }
    }
    std::vector<const Node*> order;
    std::vector<const Node*> open;
    for (const Node& node : body_.nodes) open.push_back(&node);
    while (!open.empty()) {
      std::vector<const Node*> later;
      for (const Node* node : open) {
        const std::vector<ValueId> needs = values_read(body_, *node);
        if (!std::all_of(needs.begin(), needs.end(), [&](ValueId id) { return ready[slot(id)]; })) {
          later.push_back(node);
          continue;
        }
        order.push_back(node);
        for (ValueId id : node->outputs) {
          if (id != no_value) ready[slot(id)] = true;
        }
      }
      if (later.size() == open.size()) fail(ErrorCode::invalid_model, "the differentiated graph has a cycle");
      open = std::move(later);
    }
    return order;
  }

  /// Real results of what depends on a source depend on it, too.
  void mark(const Node& node) {
    const std::vector<ValueId> needs = values_read(body_, node);
    if (std::none_of(needs.begin(), needs.end(), [&](ValueId id) { return depends_[slot(id)]; })) return;
    for (ValueId id : node.outputs) {
      if (id != no_value && is_real_tensor(value(id))) depends_[slot(id)] = true;
    }
  }

  void derive(const Node& node) {
    const auto reached = [&](ValueId id) { return id != no_value && gradients_[slot(id)]; };
    const auto depends = [&](ValueId id) { return id != no_value && depends_[slot(id)]; };
    const std::vector<ValueId> needs = values_read(body_, node);
    if (std::none_of(node.outputs.begin(), node.outputs.end(), reached)) return;
    if (std::none_of(needs.begin(), needs.end(), depends)) return;

    const OpsetImports& opsets = gradient_.opsets();
    const auto opset = opsets.find(canonical_domain(node.domain));
    const Schema* schema = opset == opsets.end() ? nullptr : find_schema(node.domain, node.op_type, opset->second);
    const DerivativeRule rule = find_derivative(node.domain, node.op_type);
    const std::string name = node.name.empty() ? node.op_type : "'" + node.name + "' (" + node.op_type + ")";
    if (!schema || !rule) {
      fail(ErrorCode::unsupported, "'{}' depends on node {}, whose derivative is not known", gradient_.attr_string("y"),
           name);
    }
    const auto tensor = [&](ValueId id) {
      return id != no_value && value(id).is_tensor() ? &value(id).tensor() : nullptr;
    };
    std::vector<const Tensor*> inputs, outputs;
    std::vector<std::optional<Dense>*> input_gradients;
    std::vector<const std::optional<Dense>*> output_gradients;
    for (ValueId id : node.inputs) {
      inputs.push_back(tensor(id));
      input_gradients.push_back(depends(id) ? &gradients_[slot(id)] : nullptr);
    }
    for (ValueId id : node.outputs) {
      outputs.push_back(tensor(id));
      output_gradients.push_back(id == no_value ? nullptr : &gradients_[slot(id)]);
    }
    const NodeView view(node, *schema, opsets);
    Derivation derivation(view, inputs, outputs, input_gradients, output_gradients);
    with_place([&] { rule(derivation); }, [&] { return "the derivative of node " + name; });
  }

  const NodeView& gradient_;
  const Graph& body_;
  const std::vector<Value>& values_;
  std::vector<bool> depends_;
  std::vector<std::optional<Dense>> gradients_;
};

void eval_gradient(EvalContext& c) {
  const Graph& body = c.attr_graph("body");
  const size_t count = c.attr_strings("xs").size();
  std::vector<Value> inputs;
  for (size_t i = 0; i < c.input_count(); ++i) inputs.push_back(c.value(i));
  if (count > inputs.size() || inputs.size() != body.inputs.size()) {
    fail(ErrorCode::invalid_model, "xs and zs do not fit the node's {} inputs", inputs.size());
  }
  const std::vector<Value> values = c.host().run_graph(body, inputs);
  BackwardPass pass(c, body, values);
  pass.run(body.find_value(c.attr_string("y")), std::span(body.inputs).first(count));
  for (size_t i = 0; i < count; ++i) {
    if (!c.wants_output(i)) continue;
    c.set_output(i, pass.gradient_of(body.inputs[i]).as(c.input(i).dtype(), c.host()));
  }
}

}  // namespace

extern const OpDef gradient_op{"ai.onnx.preview.training", "Gradient", gradient_versions, infer_gradient,
                               eval_gradient};

}  // namespace kiln::ops
