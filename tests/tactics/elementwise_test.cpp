#include <algorithm>

#include "kernels/reference.hpp"
#include "tactics/elementwise_program.hpp"
#include "tactics/tactics.hpp"

namespace kiln::kernel_test {
namespace {

constexpr int64_t opset = 24;

Attribute attribute(std::string name, AttributeType type, Attribute::Data data) {
  Attribute a;
  a.name = std::move(name), a.type = type, a.data = std::move(data);
  return a;
}
Attribute number(std::string name, float value) { return attribute(std::move(name), AttributeType::float_, value); }
Attribute integer(std::string name, int64_t value) { return attribute(std::move(name), AttributeType::int_, value); }

/// Elementwise nodes, all of their values by the reference code, and the problem that they are.
class GroupCase {
 public:
  ValueId add_leaf(Tensor tensor, bool constant = false) {
    tensors_.push_back(std::move(tensor));
    is_constant_.push_back(constant);
    return static_cast<ValueId>(tensors_.size()) - 1;
  }

  ValueId add_node(const std::string& type, std::vector<ValueId> inputs, std::vector<Attribute> attributes = {}) {
    auto node = std::make_unique<Node>();
    node->op_type = type;
    node->inputs = std::move(inputs);
    node->attributes = std::move(attributes);
    node->outputs = {static_cast<ValueId>(tensors_.size())};
    std::vector<Value> values;
    for (const ValueId id : node->inputs) values.push_back(id == no_value ? Value() : Value(tensor(id)));
    std::vector<const Value*> pointers;
    for (size_t i = 0; i < values.size(); ++i) pointers.push_back(node->inputs[i] == no_value ? nullptr : &values[i]);
    SerialHost host;
    std::vector<Value> outputs(1);
    EvalContext context(*node, *find_schema("", type, opset), opsets_, host, pointers, outputs);
    find_op("", type)->eval(context);
    nodes_.push_back(std::move(node));
    return add_leaf(outputs[0].tensor());
  }

  const Tensor& tensor(ValueId id) const { return tensors_[static_cast<size_t>(id)]; }
  ValueId values() const { return static_cast<ValueId>(tensors_.size()); }
  const Tensor& expected() const { return tensors_.back(); }

  /// The nodes that make the last value, which is the output.
  Problem problem(Isa isa) {
    group_ = Group();
    const auto is_made = [&](ValueId id) {
      return std::ranges::any_of(nodes_, [&](const auto& node) { return node->outputs[0] == id; });
    };
    std::vector<bool> is_needed(tensors_.size(), false);
    is_needed.back() = true;
    for (size_t i = nodes_.size(); i-- > 0;) {
      if (!is_needed[static_cast<size_t>(nodes_[i]->outputs[0])]) continue;
      for (const ValueId id : nodes_[i]->inputs) {
        if (id != no_value) is_needed[static_cast<size_t>(id)] = true;
      }
    }
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (!is_needed[static_cast<size_t>(nodes_[i]->outputs[0])]) continue;
      group_.nodes.push_back(i);
      for (const ValueId id : nodes_[i]->inputs) {
        const bool known = std::ranges::count(group_.inputs, id) > 0 || is_made(id);
        if (group_.nodes.size() == 1 || (id != no_value && !known)) group_.inputs.push_back(id);
      }
    }
    group_.outputs = {values() - 1};
    Problem p;
    p.group = &group_;
    for (const size_t i : group_.nodes) p.nodes.push_back(nodes_[i].get());
    p.schema = find_schema("", p.anchor().op_type, opset);
    p.opsets = &opsets_;
    for (const ValueId id : group_.inputs) {
      if (id == no_value) {
        p.inputs.emplace_back();
        continue;
      }
      const Tensor& t = tensor(id);
      p.inputs.push_back({t.dtype(), t.shape(), is_constant_[static_cast<size_t>(id)] ? &t : nullptr});
    }
    p.outputs = {{expected().dtype(), expected().shape(), nullptr}};
    p.isa = isa;
    return p;
  }

 private:
  OpsetImports opsets_{{"", opset}};
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<Tensor> tensors_;
  std::vector<bool> is_constant_;
  Group group_;
};

Tensor random_bools(Philox& rng, const Shape& shape) {
  Tensor tensor(DType::boolean, shape);
  for (bool& x : tensor.mutable_elements<bool>()) x = pick(rng, 0, 1) != 0;
  return tensor;
}

/// What the tactic makes of a problem in these formats.
Tensor run_tactic(Philox& rng, const GroupCase& test, const Problem& p, const Formats& formats, int64_t parts) {
  const Tactic& tactic = tactics::elementwise;
  Layouts layouts;
  std::vector<std::vector<float>> blocked;
  std::vector<const void*> inputs;
  blocked.reserve(p.inputs.size());
  for (size_t i = 0; i < p.inputs.size(); ++i) {
    TensorLayout layout{formats.inputs[i], {}};
    inputs.push_back(p.inputs[i].is_given() ? test.tensor(p.group->inputs[i]).raw() : nullptr);
    if (layout.format == Format::blocked) {
      layout.blocked = blocked_layout(p.inputs[i].shape, p.isa, pick(rng, 0, 2));
      const Tensor& x = test.tensor(p.group->inputs[i]);
      const BlockedLayout& l = layout.blocked;
      blocked.push_back(to_blocked(x.reshaped({l.n, l.c, l.h, l.w}), l));
      inputs.back() = blocked.back().data();
    }
    layouts.inputs.push_back(layout);
  }
  TensorLayout out{formats.outputs[0], {}};
  const bool in_blocks = out.format == Format::blocked;
  if (in_blocks) out.blocked = blocked_layout(p.outputs[0].shape, p.isa, pick(rng, 0, 2));
  layouts.outputs = {out};
  Tensor plain(p.outputs[0].dtype, p.outputs[0].shape);
  std::vector<float> blocks = rubbish(in_blocks ? out.blocked.floats() : 0);
  void* const outputs[] = {in_blocks ? blocks.data() : plain.mutable_raw()};
  const std::unique_ptr<Work> work = tactic.prepare(p, layouts, tactic.tunings(p)[0]);
  std::vector<float> scratch(static_cast<size_t>(work->scratch_floats(parts)), NAN);
  for (int64_t part = 0; part < parts; ++part) {
    work->run_part(0, part, parts, {inputs.data(), outputs, nullptr, scratch.data()});
  }
  return in_blocks ? from_blocked(blocks, out.blocked).reshaped(plain.shape()) : plain;
}

void expect_all_formats_right(Philox& rng, GroupCase& test, double tolerance, const std::string& what) {
  for (const Isa isa : usable_isas()) {
    const Problem p = test.problem(isa);
    ASSERT_EQ(tactics::elementwise.declines(p), "") << what;
    EXPECT_GT(tactics::elementwise.cost(p, {}), 0);
    for (const Formats& formats : tactics::elementwise.formats(p)) {
      const Tensor found = run_tactic(rng, test, p, formats, pick(rng, 1, 3));
      const Tensor& expected = test.expected();
      int64_t wrong = 0;
      for (int64_t i = 0; i < expected.size(); ++i) {
        if (expected.dtype() == DType::boolean) {
          wrong += found.data<bool>()[i] != expected.data<bool>()[i];
          continue;
        }
        const double e = expected.data<float>()[i], f = found.data<float>()[i];
        const bool same =
            std::isnan(e) ? std::isnan(f) : f == e || std::fabs(f - e) <= tolerance * std::fmax(1.0, std::fabs(e));
        wrong += !same;
      }
      EXPECT_EQ(wrong, 0) << "of " << expected.size() << " elements, " << isa_name(isa) << " " << what << " to "
                          << to_string(expected.shape()) << (formats.outputs[0] == Format::blocked ? " blocked" : "");
    }
  }
}

Shape random_shape(Philox& rng) {
  Shape shape(static_cast<size_t>(pick(rng, 1, 4)));
  for (int64_t& dim : shape) dim = pick(rng, 1, 20);
  return shape;
}

Shape broadcasting_shape(Philox& rng, Shape shape) {
  const int64_t kind = pick(rng, 0, 4);
  if (kind == 0 && shape.size() > 2) std::fill(shape.begin() + 2, shape.end(), 1);  // one for each image and channel
  if (kind == 1 && shape.size() > 2) shape.erase(shape.begin()), std::fill(shape.begin() + 1, shape.end(), 1);
  if (kind == 2) shape[static_cast<size_t>(pick(rng, 0, static_cast<int64_t>(shape.size()) - 1))] = 1;
  return shape;
}

TEST(ElementwiseTactic, SingleNodesEqualTheReference) {
  Philox rng(61);
  const auto unary = [&](const char* type, std::vector<Attribute> attributes = {}) {
    for (int i = 0; i < 4; ++i) {
      GroupCase test;
      test.add_node(type, {test.add_leaf(random_tensor(rng, random_shape(rng), 3))}, attributes);
      expect_all_formats_right(rng, test, 2e-6, type);
    }
  };
  for (const char* type : {"Abs",     "Ceil",  "Cos", "Erf",      "Exp",      "Floor",      "Gelu",  "HardSwish",
                           "IsInf",   "IsNaN", "Log", "Mish",     "Neg",      "Reciprocal", "Relu",  "Round",
                           "Sigmoid", "Sign",  "Sin", "Softplus", "Softsign", "Sqrt",       "Swish", "Tanh"}) {
    unary(type);
  }
  for (const char* type : {"Celu", "Elu", "HardSigmoid", "LeakyRelu", "Selu", "ThresholdedRelu"}) {
    unary(type);
    unary(type, {number("alpha", 0.37f)});
  }
  unary("HardSigmoid", {number("alpha", 0.3f), number("beta", 0.1f)});
  unary("Selu", {number("alpha", 0.3f), number("gamma", 0.9f)});
  unary("Gelu", {attribute("approximate", AttributeType::string, std::string("tanh"))});
  unary("IsInf", {integer("detect_negative", 0)});
  unary("Cast", {integer("to", 9)});
  unary("Clip");
  for (const char* type : {"Add", "Div", "Mul", "PRelu", "Sub", "Equal", "Greater", "GreaterOrEqual", "Less",
                           "LessOrEqual", "Max", "Min", "Sum", "Mean"}) {
    for (int i = 0; i < 12; ++i) {
      GroupCase test;
      const Shape shape = random_shape(rng);
      const ValueId a = test.add_leaf(random_tensor(rng, shape));
      const ValueId b = test.add_leaf(random_tensor(rng, broadcasting_shape(rng, shape)), pick(rng, 0, 1) != 0);
      test.add_node(type, {a, b});
      expect_all_formats_right(rng, test, 2e-6, type);
    }
  }
}

TEST(ElementwiseTactic, NodesWithOwnRules) {
  Philox rng(62);
  const Shape shape{2, 19, 4, 5};
  for (const bool constant : {false, true}) {
    for (int bounds = 0; bounds < 4; ++bounds) {
      GroupCase test;
      const ValueId x = test.add_leaf(random_tensor(rng, shape));
      const auto bound = [&](bool given, float value) {
        return given ? test.add_leaf(Tensor::from<float>({}, {{value}}), constant) : no_value;
      };
      const ValueId low = bound((bounds & 1) != 0, -0.5f), high = bound((bounds & 2) != 0, 0.4f);
      test.add_node("Clip", {x, low, high});
      expect_all_formats_right(rng, test, 0, "Clip");
    }
    GroupCase nothing;
    const ValueId x = nothing.add_leaf(random_tensor(rng, shape));
    const ValueId bound = nothing.add_leaf(Tensor::from<float>({}, {{NAN}}), constant);
    nothing.add_node("Clip", {x, no_value, bound});
    expect_all_formats_right(rng, nothing, 0, "Clip to NaN");
  }
  for (const float exponent : {2.0f, 3.0f, 0.5f, -1.0f, 1.3f}) {
    GroupCase test;
    const ValueId x = test.add_leaf(random_tensor(rng, shape));
    test.add_node("Pow", {x, test.add_leaf(Tensor::from<float>({1}, {{exponent}}), true)});
    expect_all_formats_right(rng, test, 1e-6, "Pow");
  }
  GroupCase integers;
  const ValueId base = integers.add_leaf(random_tensor(rng, shape));
  integers.add_node("Pow", {base, integers.add_leaf(Tensor::from<int64_t>({}, {{3}}), true)});
  expect_all_formats_right(rng, integers, 1e-6, "Pow with an integer");
  for (const char* type : {"And", "Or", "Xor"}) {
    GroupCase test;
    test.add_node(type, {test.add_leaf(random_bools(rng, {7, 9})), test.add_leaf(random_bools(rng, {9}))});
    expect_all_formats_right(rng, test, 0, type);
  }
  GroupCase where;
  const ValueId mask = where.add_leaf(random_bools(rng, {1, 1, 4, 5}));
  const ValueId chosen = where.add_leaf(Tensor::from<float>({}, {{-INFINITY}}), true);
  where.add_node("Where", {mask, chosen, where.add_leaf(random_tensor(rng, shape))});
  expect_all_formats_right(rng, where, 0, "Where");
  GroupCase square;
  const ValueId x = square.add_leaf(random_tensor(rng, shape));
  square.add_node("Mul", {x, x});
  expect_all_formats_right(rng, square, 0, "Mul of a value with itself");
}

/// Chains of operators that are exact.
TEST(ElementwiseTactic, ChainsEqualTheReference) {
  Philox rng(63);
  const std::vector<std::string> unary{"Neg", "Abs", "Floor", "Round", "Sign", "Relu", "Softsign", "LeakyRelu"};
  const std::vector<std::string> binary{"Add", "Sub", "Mul", "Div", "Min", "Max"};
  const std::vector<std::string> compare{"Equal", "Less", "GreaterOrEqual"}, logical{"And", "Or", "Xor"};
  const auto one_of = [&](const std::vector<std::string>& names) {
    return names[static_cast<size_t>(pick(rng, 0, static_cast<int64_t>(names.size()) - 1))];
  };
  for (int i = 0; i < 300; ++i) {
    GroupCase test;
    const Shape shape = random_shape(rng);
    test.add_leaf(random_tensor(rng, shape));
    for (int64_t k = pick(rng, 0, 3); k > 0; --k) {
      const bool constant = pick(rng, 0, 1) != 0;
      test.add_leaf(random_tensor(rng, pick(rng, 0, 3) == 0 ? Shape{} : broadcasting_shape(rng, shape)), constant);
    }
    if (pick(rng, 0, 3) == 0) test.add_leaf(random_bools(rng, broadcasting_shape(rng, shape)));
    const auto any = [&](DType dtype) {
      std::vector<ValueId> fits;
      for (ValueId id = 0; id < test.values(); ++id) {
        if (test.tensor(id).dtype() == dtype) fits.push_back(id);
      }
      return fits.empty() ? no_value : fits[static_cast<size_t>(pick(rng, 0, static_cast<int64_t>(fits.size()) - 1))];
    };
    std::string names;
    for (int64_t k = pick(rng, 2, 8); k > 0; --k) {
      const ValueId a = any(DType::f32), b = any(DType::f32), p = any(DType::boolean), q = any(DType::boolean);
      const int64_t kind = pick(rng, 0, p == no_value ? 2 : 4);
      std::string name = kind == 0 ? one_of(unary) : kind == 1 ? one_of(binary) : kind == 2 ? one_of(compare) : "Where";
      if (kind == 4) name = one_of(logical);
      names += name + " ";
      if (kind == 0) test.add_node(name, {a});
      if (kind == 1 || kind == 2) test.add_node(name, {a, b});
      if (kind == 3) test.add_node(name, {p, a, b});
      if (kind == 4) test.add_node(name, {p, q});
    }
    expect_all_formats_right(rng, test, 0, names);
  }
}

TEST(ElementwiseTactic, OffersBlocksAndPlaces) {
  Philox rng(64);
  GroupCase test;
  const ValueId x = test.add_leaf(random_tensor(rng, {1, 32, 4, 4}));
  const ValueId gate = test.add_leaf(random_tensor(rng, {1, 32, 1, 1}));
  test.add_node("Mul", {x, gate});
  const Problem p = test.problem(Isa::portable);
  const std::vector<Formats> formats = tactics::elementwise.formats(p);
  ASSERT_EQ(formats.size(), 3u);
  EXPECT_EQ(formats[0].inputs, (std::vector{Format::blocked, Format::blocked}));
  EXPECT_EQ(formats[1].inputs, (std::vector{Format::blocked, Format::plain}));
  EXPECT_EQ(formats[2].outputs[0], Format::plain);
  EXPECT_EQ(tactics::elementwise.in_place(p), 1u);
}

TEST(ElementwiseTactic, DeclinesWithAReason) {
  Philox rng(65);
  GroupCase integers;
  integers.add_node("Neg", {integers.add_leaf(Tensor::from<int64_t>({2}, {{1, 2}}))});
  EXPECT_EQ(tactics::elementwise.declines(integers.problem(Isa::portable)), "an operand of type i64");
  GroupCase other;
  other.add_node("Tan", {other.add_leaf(random_tensor(rng, {2}))});
  EXPECT_EQ(tactics::elementwise.declines(other.problem(Isa::portable)), "Tan is not elementwise");
  GroupCase powers;
  const ValueId x = powers.add_leaf(random_tensor(rng, {2}));
  powers.add_node("Pow", {x, powers.add_leaf(Tensor::from<int64_t>({2}, {{1, 2}}))});
  EXPECT_EQ(tactics::elementwise.declines(powers.problem(Isa::portable)), "an operand of type i64");
}

}  // namespace
}  // namespace kiln::kernel_test
