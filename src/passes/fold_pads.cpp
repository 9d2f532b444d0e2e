#include <algorithm>
#include <limits>

#include "passes/all_passes.hpp"
#include "passes/match.hpp"

namespace kiln::passes {
namespace {

/// Pads of all axes, begins before ends, none negative and none outside the spatial axes.
std::optional<std::vector<int64_t>> spatial_pads(const GraphView& view, const Node& pad) {
  const SymShape* shape = shape_of(view, pad.inputs[0]);
  if (!shape || shape->size() < 3 || string_attribute(pad, "mode", "constant") != "constant") return {};
  const size_t rank = shape->size();
  std::vector<int64_t> pads = ints_attribute(pad, "pads");
  if (has_input(pad, 1)) {
    const auto given = known_ints(view, pad.inputs[1]);
    if (!given) return {};
    pads = *given;
  }
  if (has_input(pad, 3)) {
    const auto listed = known_ints(view, pad.inputs[3]);
    const auto axes = listed ? normal_axes(*listed, static_cast<int64_t>(rank)) : listed;
    if (!axes || pads.size() != 2 * axes->size()) return {};
    std::vector<int64_t> all(2 * rank, 0);
    for (size_t i = 0; i < axes->size(); ++i) {
      const auto axis = static_cast<size_t>((*axes)[i]);
      all[axis] = pads[i];
      all[rank + axis] = pads[axes->size() + i];
    }
    pads = std::move(all);
  }
  if (pads.size() != 2 * rank || pads[0] != 0 || pads[1] != 0 || pads[rank] != 0 || pads[rank + 1] != 0) return {};
  if (std::any_of(pads.begin(), pads.end(), [](int64_t amount) { return amount < 0; })) return {};
  pads.erase(pads.begin() + static_cast<std::ptrdiff_t>(rank), pads.begin() + static_cast<std::ptrdiff_t>(rank + 2));
  pads.erase(pads.begin(), pads.begin() + 2);
  return pads;
}

std::optional<double> pad_value(const GraphView& view, const Node& pad) {
  if (has_input(pad, 2)) return known_float(view, pad.inputs[2]);
  return float_attribute(pad, "value", 0);
}

/// Own pads and those in front together; nothing where the reader does not state its own as numbers.
std::optional<std::vector<int64_t>> joined_pads(const Node& reader, std::vector<int64_t> pads) {
  const std::string mode = string_attribute(reader, "auto_pad", "NOTSET");
  if (mode != "NOTSET" && mode != "VALID" && !mode.empty()) return {};
  const std::vector<int64_t> own = mode == "VALID" ? std::vector<int64_t>() : ints_attribute(reader, "pads");
  if (!own.empty() && own.size() != pads.size()) return {};
  for (size_t i = 0; i < own.size(); ++i) {
    if (own[i] < 0 || __builtin_add_overflow(pads[i], own[i], &pads[i])) return {};
  }
  return pads;
}

bool has_own_pads(const Node& reader) {
  const std::vector<int64_t> own = ints_attribute(reader, "pads");
  return std::any_of(own.begin(), own.end(), [](int64_t amount) { return amount != 0; });
}

/// Every window of a pool then holds an element that is no padding.
bool is_less_than_kernel(const Node& pool, const std::vector<int64_t>& pads) {
  const std::vector<int64_t> kernel = ints_attribute(pool, "kernel_shape");
  const std::vector<int64_t> dilations = ints_attribute(pool, "dilations");
  if (int_attribute(pool, "ceil_mode", 0) != 0 || 2 * kernel.size() != pads.size()) return false;
  if (std::any_of(dilations.begin(), dilations.end(), [](int64_t step) { return step != 1; })) return false;
  for (size_t i = 0; i < pads.size(); ++i) {
    if (pads[i] >= kernel[i % kernel.size()]) return false;
  }
  return true;
}

/// Whether the reader's own padding does what the Pad did, with these pads in all.
bool pads_alike(const GraphView& view, const Node& pad, const Node& reader, const std::vector<int64_t>& pads) {
  const std::optional<double> value = pad_value(view, pad);
  if (!value) return false;
  if (reader.op_type == "Conv") return *value == 0;
  if (!is_less_than_kernel(reader, pads)) return false;
  if (reader.op_type == "MaxPool") {
    // Zeros never win over what a Relu made.
    const bool loses = *value == 0 && view.producer_if(pad.inputs[0], "Relu");
    return loses || *value == -std::numeric_limits<double>::infinity();
  }
  const bool counts = int_attribute(reader, "count_include_pad", 0) != 0;
  return *value == 0 && opset_of(view) >= 7 && (counts || !has_own_pads(reader));
}

}  // namespace

/// Zeros put round an image before a Conv or a pool become that node's own padding.
std::vector<Patch> find_pads(GraphView& view) {
  std::vector<Patch> patches;
  if (opset_of(view) < 2) return patches;
  Claims claims(view);
  const Graph& graph = view.graph();
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& reader = graph.nodes[i];
    const bool pools = is_op(reader, "MaxPool") || is_op(reader, "AveragePool");
    if (!is_plain(reader) || (!pools && !is_op(reader, "Conv")) || !has_input(reader, 0)) continue;
    const Node* pad = view.producer_if(reader.inputs[0], "Pad");
    if (!pad || !has_input(*pad, 0) || dtype_of_value(view, pad->inputs[0]) != DType::f32) continue;
    const auto in_front = spatial_pads(view, *pad);
    const auto pads = in_front ? joined_pads(reader, *in_front) : in_front;
    if (!pads || !pads_alike(view, *pad, reader, *pads)) continue;
    const size_t pad_index = view.index_of(*pad);
    if (!claims.claim({pad_index, i})) continue;
    Patch patch{.what = "fold " + pad->describe(pad_index) + " into " + reader.describe(i), .remove = {i}};
    if (view.has_single_reader(reader.inputs[0])) patch.remove.push_back(pad_index);
    Node padded = reader;
    padded.inputs[0] = pad->inputs[0];
    remove_attribute(padded, "auto_pad");
    set_attribute(padded, ints_value("pads", *pads));
    if (reader.op_type == "AveragePool") set_attribute(padded, int_value("count_include_pad", 1));
    patch.add.push_back(std::move(padded));
    patches.push_back(std::move(patch));
  }
  return patches;
}

}  // namespace kiln::passes
