#include "tactics/elementwise_program.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <optional>

namespace kiln {
namespace {

using O = ChainOpcode;

/// An operator that is one op of a chain, and the attributes that are its alpha and beta.
struct Row {
  std::string_view type;
  ChainOpcode op;
  const char* alpha = nullptr;
  const char* beta = nullptr;
};

constexpr Row unary_rows[] = {
    {"Abs", O::abs},
    {"Ceil", O::ceil},
    {"Celu", O::celu, "alpha"},
    {"Cos", O::cos},
    {"Elu", O::elu, "alpha"},
    {"Erf", O::erf},
    {"Exp", O::exp},
    {"Floor", O::floor},
    {"HardSigmoid", O::hard_sigmoid, "alpha", "beta"},
    {"HardSwish", O::hard_swish},
    {"LeakyRelu", O::leaky_relu, "alpha"},
    {"Log", O::log},
    {"Mish", O::mish},
    {"Neg", O::neg},
    {"Reciprocal", O::reciprocal},
    {"Relu", O::relu},
    {"Round", O::round},
    {"Selu", O::selu, "alpha", "gamma"},
    {"Sigmoid", O::sigmoid},
    {"Sign", O::sign},
    {"Sin", O::sin},
    {"Softplus", O::softplus},
    {"Softsign", O::softsign},
    {"Sqrt", O::sqrt},
    {"Swish", O::silu, "alpha"},
    {"Tanh", O::tanh},
    {"ThresholdedRelu", O::thresholded_relu, "alpha"},
};
constexpr Row arithmetic_rows[] = {
    {"Add", O::add}, {"Div", O::div}, {"Mul", O::mul}, {"PRelu", O::prelu}, {"Sub", O::sub}};
constexpr Row comparison_rows[] = {{"Equal", O::equal},
                                   {"Greater", O::greater},
                                   {"GreaterOrEqual", O::greater_or_equal},
                                   {"Less", O::less},
                                   {"LessOrEqual", O::less_or_equal}};
constexpr Row logical_rows[] = {{"And", O::logical_and}, {"Or", O::logical_or}, {"Xor", O::logical_xor}};
constexpr Row variadic_rows[] = {{"Max", O::max}, {"Mean", O::add}, {"Min", O::min}, {"Sum", O::add}};
/// Those that translate() has a case for.
constexpr std::string_view other_types[] = {"Cast",  "Clip", "Gelu", "Identity", "IsInf",
                                            "IsNaN", "Not",  "Pow",  "Where"};

template <size_t count>
const Row* find_row(const Row (&rows)[count], std::string_view type) {
  for (const Row& row : rows) {
    if (row.type == type) return &row;
  }
  return nullptr;
}

/// The only element of a constant, if it has one and is a number. Constants of a model may lie unaligned.
std::optional<float> single_number(const TensorSpec& spec) {
  if (spec.constant == nullptr || element_count(spec.shape) != 1) return {};
  const auto read = [&]<class T>(T number) {
    std::memcpy(&number, spec.constant->raw(), sizeof number);
    return static_cast<float>(number);
  };
  switch (spec.dtype) {
    case DType::f32: return read(0.0f);
    case DType::f64: return read(0.0);
    case DType::i32: return read(int32_t{});
    case DType::i64: return read(int64_t{});
    case DType::boolean: return read(uint8_t{}) != 0 ? 1.0f : 0.0f;
    default: return {};
  }
}

// Registers while the number of operands and constants is not known: each kind from a number of its own.
constexpr int first_constant = 1 << 20, first_temporary = 1 << 21;

class Translator {
 public:
  explicit Translator(const Problem& problem) : problem_(problem) {
    for (size_t i = 0; i < problem.inputs.size(); ++i) {
      const ValueId id = problem.group->inputs[i];
      const TensorSpec& spec = problem.inputs[i];
      if (!spec.is_given() || values_.contains(id)) continue;
      if (const auto number = single_number(spec)) {
        values_[id] = {constant(*number), spec.dtype, number};
      } else {
        values_[id] = {static_cast<int>(result_.operands.size()), spec.dtype, {}};
        result_.operands.push_back(i);
        if (!is_usable(spec.dtype)) decline("an operand of type {}", dtype_name(spec.dtype));
      }
    }
  }

  ElementwiseProgram translate() {
    const DType wanted = problem_.outputs[0].dtype;
    if (problem_.outputs.size() != 1) decline("{} outputs", problem_.outputs.size());
    for (const Node* node : problem_.nodes) {
      if (result_.decline.empty()) translate_node(*node);
    }
    if (!result_.decline.empty()) return std::move(result_);
    const auto found = values_.find(problem_.group->outputs[0]);
    if (found == values_.end()) {
      decline("an output that no node of the group makes");
    } else if (found->second.dtype != wanted || !is_usable(wanted)) {
      decline("an output of type {}", dtype_name(wanted));
    } else {
      finish(found->second.index);
    }
    return std::move(result_);
  }

 private:
  struct Known {
    int index = 0;
    DType dtype = DType::undefined;
    std::optional<float> number;
  };

  static bool is_usable(DType dtype) { return dtype == DType::f32 || dtype == DType::boolean; }

  template <class... Args>
  void decline(fmt::format_string<Args...> format, Args&&... args) {
    if (result_.decline.empty()) result_.decline = fmt::format(format, std::forward<Args>(args)...);
  }

  int constant(float number) {
    result_.chain.constants.push_back(number);
    return first_constant + static_cast<int>(result_.chain.constants.size()) - 1;
  }

  int add(ChainOp op) {
    op.to = first_temporary + temporaries_++;
    result_.chain.ops.push_back(op);
    return op.to;
  }

  static bool has_input(const Node& node, size_t i) { return i < node.inputs.size() && node.inputs[i] != no_value; }

  /// An input of a node, which must be of this type.
  const Known& input(const Node& node, size_t i, DType dtype) {
    static const Known nothing;
    const auto found = has_input(node, i) ? values_.find(node.inputs[i]) : values_.end();
    if (found == values_.end()) {
      decline("{} without its input {}", node.op_type, i);
      return nothing;
    }
    if (dtype != DType::undefined && found->second.dtype != dtype) {
      decline("{} of type {}", node.op_type, dtype_name(found->second.dtype));
    }
    return found->second;
  }
  int reg(const Node& node, size_t i, DType dtype = DType::f32) { return input(node, i, dtype).index; }

  void set(const Node& node, int index, DType dtype) { values_[node.outputs[0]] = {index, dtype, {}}; }

  void translate_node(const Node& node) {
    const auto opset = problem_.opsets->find(std::string(canonical_domain(node.domain)));
    const Schema* schema = !canonical_domain(node.domain).empty() || opset == problem_.opsets->end()
                               ? nullptr
                               : find_schema("", node.op_type, opset->second);
    if (schema == nullptr || !is_elementwise(node)) return decline("{} is not elementwise", node.op_type);
    const NodeView view(node, *schema, *problem_.opsets);
    if (view.has_attribute("axis") || view.has_attribute("broadcast")) return decline("broadcasting along an axis");
    const auto number = [&](const char* name) { return name == nullptr ? 0.0f : view.attr_float(name); };
    const auto binary = [&](const Row& row, DType from, DType to) {
      const int a = reg(node, 0, from), b = reg(node, 1, from);
      set(node, add({row.op, 0, a, b}), to);
    };
    if (const Row* row = find_row(unary_rows, node.op_type)) {
      set(node, add({row->op, 0, reg(node, 0), 0, number(row->alpha), number(row->beta)}), DType::f32);
    } else if ((row = find_row(arithmetic_rows, node.op_type))) {
      if (row->op == O::prelu && view.version() < 7) return decline("PRelu with a slope per channel");
      binary(*row, DType::f32, DType::f32);
    } else if ((row = find_row(comparison_rows, node.op_type))) {
      binary(*row, row->op == O::equal ? input(node, 0, DType::undefined).dtype : DType::f32, DType::boolean);
    } else if ((row = find_row(logical_rows, node.op_type))) {
      binary(*row, DType::boolean, DType::boolean);
    } else if ((row = find_row(variadic_rows, node.op_type))) {
      translate_variadic(node, row->op);
    } else {
      translate_other(view);
    }
  }

  void translate_variadic(const Node& node, ChainOpcode op) {
    int folded = reg(node, 0);
    for (size_t i = 1; i < node.inputs.size(); ++i) folded = add({op, 0, folded, reg(node, i)});
    if (node.op_type == "Mean" && node.inputs.size() > 1) {
      folded = add({O::div, 0, folded, constant(static_cast<float>(node.inputs.size()))});
    }
    set(node, folded, DType::f32);
  }

  void translate_other(const NodeView& view) {
    const Node& node = view.node();
    const std::string& type = node.op_type;
    if (type == "Identity") {
      const Known same = input(node, 0, DType::undefined);
      values_[node.outputs[0]] = same;
    } else if (type == "Cast") {
      translate_cast(view);
    } else if (type == "Clip") {
      translate_clip(view);
    } else if (type == "Gelu") {
      const bool tanh = view.attr_string("approximate") == "tanh";
      set(node, add({tanh ? O::gelu_tanh : O::gelu_erf, 0, reg(node, 0)}), DType::f32);
    } else if (type == "IsInf") {
      const auto counts = [&](const char* name) { return view.attr_int(name) != 0 ? 1.0f : 0.0f; };
      const float negative = counts("detect_negative"), positive = counts("detect_positive");
      set(node, add({O::is_inf, 0, reg(node, 0), 0, negative, positive}), DType::boolean);
    } else if (type == "IsNaN") {
      set(node, add({O::is_nan, 0, reg(node, 0)}), DType::boolean);
    } else if (type == "Not") {
      set(node, add({O::logical_not, 0, reg(node, 0, DType::boolean)}), DType::boolean);
    } else if (type == "Pow") {
      const Known exponent = input(node, 1, DType::undefined);
      if (exponent.dtype != DType::f32 && !exponent.number)
        decline("an exponent of type {}", dtype_name(exponent.dtype));
      set(node, add({O::pow, 0, reg(node, 0), exponent.index}), DType::f32);
    } else {  // Where
      const DType chosen = input(node, 1, DType::undefined).dtype;
      const int a = reg(node, 0, DType::boolean), b = reg(node, 1, chosen), c = reg(node, 2, chosen);
      set(node, add({O::where, 0, a, b, 0, 0, c}), chosen);
    }
  }

  void translate_cast(const NodeView& view) {
    const Node& node = view.node();
    if (view.version() < 6) return decline("a Cast to a named type");
    const Known from = input(node, 0, DType::undefined);
    const auto to = static_cast<DType>(view.attr_int("to"));
    if (!is_usable(from.dtype) || !is_usable(to)) return decline("a Cast of {}", dtype_name(from.dtype));
    int index = from.index;
    if (from.dtype == DType::f32 && to == DType::boolean) {
      index = add({O::logical_not, 0, add({O::equal, 0, index, constant(0)})});
    }
    set(node, index, to);
  }

  // Bounds that are no numbers, or not known, make the same as Max and Min do.
  void translate_clip(const NodeView& view) {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    const Node& node = view.node();
    float bounds[] = {-infinity, infinity};
    int dynamic[] = {-1, -1};
    for (int i = 0; i < 2; ++i) {
      const char* const name = i == 0 ? "min" : "max";
      const size_t at = static_cast<size_t>(i) + 1;
      if (view.version() < 11) {
        if (view.has_attribute(name)) bounds[i] = view.attr_float(name);
      } else if (has_input(node, at)) {
        const Known& bound = input(node, at, DType::f32);
        if (bound.number && !std::isnan(*bound.number)) {
          bounds[i] = *bound.number;
        } else {
          dynamic[i] = bound.index;
        }
      }
    }
    int index = reg(node, 0);
    if (dynamic[0] < 0 && dynamic[1] < 0) {
      index = add({O::clip, 0, index, 0, bounds[0], bounds[1]});
    } else {
      index = add({O::max, 0, index, dynamic[0] >= 0 ? dynamic[0] : constant(bounds[0])});
      index = add({O::min, 0, index, dynamic[1] >= 0 ? dynamic[1] : constant(bounds[1])});
    }
    set(node, index, DType::f32);
  }

  void finish(int result) {
    ChainProgram& chain = result_.chain;
    chain.inputs = static_cast<int>(result_.operands.size());
    const int constants = static_cast<int>(chain.constants.size());
    const auto settle = [&](int& index) {
      if (index >= first_temporary) {
        index += chain.inputs + constants - first_temporary;
      } else if (index >= first_constant) {
        index += chain.inputs - first_constant;
      }
    };
    for (ChainOp& op : chain.ops) settle(op.to), settle(op.a), settle(op.b), settle(op.c);
    chain.registers = chain.inputs + constants + temporaries_;
    settle(result);
    chain.result = result;
  }

  const Problem& problem_;
  std::map<ValueId, Known> values_;
  int temporaries_ = 0;
  ElementwiseProgram result_;
};

}  // namespace

ElementwiseProgram elementwise_program(const Problem& problem) { return Translator(problem).translate(); }

bool is_elementwise(const Node& node) {
  const std::string_view type = node.op_type;
  if (!canonical_domain(node.domain).empty()) return false;
  for (const std::string_view other : other_types) {
    if (other == type) return true;
  }
  return find_row(unary_rows, type) || find_row(arithmetic_rows, type) || find_row(comparison_rows, type) ||
         find_row(logical_rows, type) || find_row(variadic_rows, type);
}

}  // namespace kiln
