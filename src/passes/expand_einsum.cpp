#include <algorithm>

#include "passes/all_passes.hpp"
#include "passes/match.hpp"

namespace kiln::passes {
namespace {

/// "ab,bc->ac" with its letters sorted by what becomes of them.
struct Equation {
  std::string left, right, out;
  std::string batch;  ///< in all three
  std::string rows, columns, summed;
};

bool has(const std::string& text, char letter) { return text.find(letter) != std::string::npos; }

bool has_distinct_letters(std::string text) {
  std::sort(text.begin(), text.end());
  return std::adjacent_find(text.begin(), text.end()) == text.end() &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
}

/// A product of matrices with one axis for each of rows, columns and what is summed; nothing for other equations.
std::optional<Equation> read_equation(std::string text) {
  std::erase(text, ' ');
  const size_t comma = text.find(','), arrow = text.find("->");
  if (comma == std::string::npos || arrow == std::string::npos || arrow < comma) return {};
  Equation e{
      .left = text.substr(0, comma), .right = text.substr(comma + 1, arrow - comma - 1), .out = text.substr(arrow + 2)};
  for (const std::string* part : {&e.left, &e.right, &e.out}) {
    if (!has_distinct_letters(*part)) return {};
  }
  for (const char letter : e.left) {
    if (has(e.right, letter)) {
      (has(e.out, letter) ? e.batch : e.summed) += letter;
    } else if (has(e.out, letter)) {
      e.rows += letter;
    } else {
      return {};
    }
  }
  for (const char letter : e.right) {
    if (has(e.left, letter)) continue;
    if (!has(e.out, letter)) return {};
    e.columns += letter;
  }
  if (e.rows.size() != 1 || e.columns.size() != 1 || e.summed.size() != 1) return {};
  return e.out.size() == e.batch.size() + 2 ? std::optional(e) : std::nullopt;
}

/// The Transpose that makes `to` of `from`.
std::vector<int64_t> permutation(const std::string& from, const std::string& to) {
  std::vector<int64_t> perm;
  for (const char letter : to) perm.push_back(static_cast<int64_t>(from.find(letter)));
  return perm;
}

/// An axis of 1 would be repeated by Einsum and not by MatMul, or the other way round.
bool fits(const GraphView& view, const Node& node, const Equation& e) {
  const SymShape *a = shape_of(view, node.inputs[0]), *b = shape_of(view, node.inputs[1]);
  if (!a || !b || a->size() != e.left.size() || b->size() != e.right.size()) return false;
  return std::all_of(e.summed.begin(), e.summed.end(),
                     [&](char letter) { return (*a)[e.left.find(letter)] == (*b)[e.right.find(letter)]; });
}

std::optional<Patch> match_einsum(GraphView& view, size_t index) {
  const Node& node = view.graph().nodes[index];
  if (node.inputs.size() != 2 || !has_input(node, 0) || !has_input(node, 1)) return {};
  const auto e = read_equation(string_attribute(node, "equation", ""));
  if (!e || dtype_of_value(view, node.inputs[0]) != DType::f32 || !fits(view, node, *e)) return {};
  Patch patch{.what = "write " + node.describe(index) + " as a MatMul", .remove = {index}};
  const std::string name = view.graph().name_of(node.outputs[0]);
  const auto turned = [&](ValueId from, const std::string& letters, const std::string& wanted) {
    if (letters == wanted) return from;
    const ValueId to = view.new_value(name + "_turned");
    patch.add.push_back(make_node("Transpose", {from}, to, node));
    patch.add.back().attributes.push_back(ints_value("perm", permutation(letters, wanted)));
    return to;
  };
  const ValueId a = turned(node.inputs[0], e->left, e->batch + e->rows + e->summed);
  const ValueId b = turned(node.inputs[1], e->right, e->batch + e->summed + e->columns);
  const std::string made = e->batch + e->rows + e->columns;
  const ValueId product = made == e->out ? node.outputs[0] : view.new_value(name + "_product");
  patch.add.push_back(make_node("MatMul", {a, b}, product, node));
  if (made != e->out) {
    patch.add.push_back(make_node("Transpose", {product}, node.outputs[0], node));
    patch.add.back().attributes.push_back(ints_value("perm", permutation(made, e->out)));
  }
  return patch;
}

}  // namespace

/// An Einsum of two operands that multiplies matrices is a MatMul with Transposes around it.
std::vector<Patch> find_einsums(GraphView& view) {
  std::vector<Patch> patches;
  for (size_t i = 0; i < view.graph().nodes.size(); ++i) {
    const Node& node = view.graph().nodes[i];
    if (!is_plain(node) || !is_op(node, "Einsum")) continue;
    if (auto patch = match_einsum(view, i)) patches.push_back(std::move(*patch));
  }
  return patches;
}

}  // namespace kiln::passes
