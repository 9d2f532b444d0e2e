#include <array>
#include <map>

#include "tactics/tactic.hpp"
#include "tactics/tactics.hpp"

namespace kiln {
namespace {

using namespace tactics;

/// The tactics of an operator of ai.onnx, best guess first.
struct Row {
  std::string_view op_type;
  std::span<const Tactic* const> tactics;
};

constexpr std::array attention{&attention_blocked};
constexpr std::array conv{&conv_depthwise, &conv_first, &conv_winograd, &conv_direct};
constexpr std::array conv_transpose{&conv_transposed};
constexpr std::array product{&gemm_packed, &gemm_dynamic};
constexpr std::array recurrence{&recurrence_packed};

constexpr std::array rows{
    Row{"Attention", attention},
    Row{"Conv", conv},
    Row{"ConvTranspose", conv_transpose},
    Row{"GRU", recurrence},
    Row{"Gemm", product},
    Row{"LSTM", recurrence},
    Row{"MatMul", product},
    Row{"RNN", recurrence},
};

}  // namespace

std::span<const Tactic* const> tactics_for(const Node& anchor) {
  static const std::map<std::string_view, std::span<const Tactic* const>> by_op = [] {
    std::map<std::string_view, std::span<const Tactic* const>> map;
    for (const Row& row : rows) map.emplace(row.op_type, row.tactics);
    return map;
  }();
  if (!canonical_domain(anchor.domain).empty()) return {};
  const auto found = by_op.find(anchor.op_type);
  return found == by_op.end() ? std::span<const Tactic* const>() : found->second;
}

const Tactic* find_tactic(std::string_view name) {
  for (const Row& row : rows) {
    for (const Tactic* tactic : row.tactics) {
      if (tactic->name == name) return tactic;
    }
  }
  return nullptr;
}

}  // namespace kiln
