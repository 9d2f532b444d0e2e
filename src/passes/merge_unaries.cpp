#include <array>

#include "passes/all_passes.hpp"
#include "passes/match.hpp"

namespace kiln::passes {
namespace {

/// What `second(first(x))` is.
enum class Becomes { input, second, first };

struct Rule {
  std::string_view first, second;
  Becomes becomes;
};

constexpr std::array rules{
    Rule{"Neg", "Neg", Becomes::input},
    Rule{"Not", "Not", Becomes::input},
    Rule{"BitwiseNot", "BitwiseNot", Becomes::input},
    Rule{"Neg", "Abs", Becomes::second},
    Rule{"Abs", "Abs", Becomes::first},
    Rule{"Relu", "Relu", Becomes::first},
    Rule{"Sign", "Sign", Becomes::first},
    Rule{"Floor", "Floor", Becomes::first},
    Rule{"Ceil", "Ceil", Becomes::first},
    Rule{"Round", "Round", Becomes::first},
    Rule{"Sigmoid", "Relu", Becomes::first},
    Rule{"Softmax", "Relu", Becomes::first},
    Rule{"Exp", "Relu", Becomes::first},
    Rule{"Sqrt", "Abs", Becomes::first},
};

const Rule* rule_for(const Node& first, const Node& second) {
  for (const Rule& rule : rules) {
    if (is_op(first, rule.first) && is_op(second, rule.second)) return &rule;
  }
  return nullptr;
}

}  // namespace

/// Two unary operators of which one has no effect after the other: double negations, a Relu of what is never negative.
std::vector<Patch> find_unaries(GraphView& view) {
  std::vector<Patch> patches;
  Claims claims(view);
  const Graph& graph = view.graph();
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& second = graph.nodes[i];
    if (!is_plain(second) || second.inputs.size() != 1) continue;
    const Node* first = view.producer(second.inputs[0]);
    if (!first || !is_plain(*first) || first->inputs.size() != 1) continue;
    const Rule* rule = rule_for(*first, second);
    if (!rule) continue;
    const size_t first_index = view.index_of(*first);
    const ValueId to = second.outputs[0], from = rule->becomes == Becomes::first ? second.inputs[0] : first->inputs[0];
    if (rule->becomes != Becomes::second && !view.can_replace(to, from)) continue;
    if (!claims.claim({first_index, i})) continue;
    Patch patch{.what = "merge " + first->describe(first_index) + " and " + second.describe(i), .remove = {i}};
    const bool keeps_first = rule->becomes == Becomes::first || !view.has_single_reader(second.inputs[0]);
    if (!keeps_first) patch.remove.push_back(first_index);
    if (rule->becomes == Becomes::second) {
      Node merged = second;
      merged.inputs = {from};
      patch.add.push_back(std::move(merged));
    } else {
      patch.replace.push_back({to, from});
    }
    patches.push_back(std::move(patch));
  }
  return patches;
}

}  // namespace kiln::passes
