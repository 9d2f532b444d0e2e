#include "passes/all_passes.hpp"
#include "passes/match.hpp"

namespace kiln::passes {
namespace {

/// How many bits of a whole number, or of a significand, a type holds; 0 for types that this pass leaves alone.
struct Range {
  bool is_float = false, is_signed = false;
  int bits = 0;      ///< of whole numbers that it holds exactly, without the sign
  int exponent = 0;  ///< bits of the exponent of a float
};

Range range_of(DType dtype) {
  switch (dtype) {
    case DType::boolean: return {false, false, 1};
    case DType::u8: return {false, false, 8};
    case DType::u16: return {false, false, 16};
    case DType::u32: return {false, false, 32};
    case DType::u64: return {false, false, 64};
    case DType::i8: return {false, true, 7};
    case DType::i16: return {false, true, 15};
    case DType::i32: return {false, true, 31};
    case DType::i64: return {false, true, 63};
    case DType::f16: return {true, true, 11, 5};
    case DType::bf16: return {true, true, 8, 8};
    case DType::f32: return {true, true, 24, 8};
    case DType::f64: return {true, true, 53, 11};
    default: return {};
  }
}

/// Every value of `from` is a value of `to`.
bool holds_all(DType from, DType to) {
  const Range a = range_of(from), b = range_of(to);
  if (a.bits == 0 || b.bits == 0 || (a.is_signed && !b.is_signed) || a.bits > b.bits) return false;
  if (to == DType::boolean) return from == DType::boolean;
  return a.is_float ? b.is_float && a.exponent <= b.exponent : true;
}

/// Whether x cast to `middle` and then to `last` is x cast to `last`. From whole numbers by floats to whole numbers,
/// what does not fit is cut off in another way.
bool middle_is_idle(DType first, DType middle, DType last) {
  if (!holds_all(first, middle) || range_of(last).bits == 0) return false;
  const bool detour = !range_of(first).is_float && range_of(middle).is_float && !range_of(last).is_float;
  return !detour || last == DType::boolean || holds_all(first, last);
}

}  // namespace

/// A Cast of a Cast that lost nothing is one Cast, or none where it leads back.
std::vector<Patch> find_casts(GraphView& view) {
  std::vector<Patch> patches;
  Claims claims(view);
  const Graph& graph = view.graph();
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& second = graph.nodes[i];
    if (!is_plain(second) || !is_op(second, "Cast") || second.inputs.size() != 1) continue;
    const Node* first = view.producer_if(second.inputs[0], "Cast");
    if (!first || !has_input(*first, 0)) continue;
    const ValueId from = first->inputs[0], to = second.outputs[0];
    const DType source = dtype_of_value(view, from), last = static_cast<DType>(int_attribute(second, "to", 0));
    if (!middle_is_idle(source, static_cast<DType>(int_attribute(*first, "to", 0)), last)) continue;
    const size_t first_index = view.index_of(*first);
    if (!claims.claim({first_index, i})) continue;
    Patch patch{.what = "merge " + first->describe(first_index) + " and " + second.describe(i), .remove = {i}};
    if (view.has_single_reader(second.inputs[0])) patch.remove.push_back(first_index);
    if (source == last && view.can_replace(to, from)) {
      patch.replace.push_back({to, from});
    } else {
      Node merged = second;
      merged.inputs = {from};
      patch.add.push_back(std::move(merged));
    }
    patches.push_back(std::move(patch));
  }
  return patches;
}

}  // namespace kiln::passes
