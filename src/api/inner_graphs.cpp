#include <fmt/format.h>

#include "api/attribute_values.hpp"
#include "api/network.hpp"
#include "base/error.hpp"
#include "kiln/graph_builder.hpp"

/// Graphs inside of nodes: those of If, Loop, Scan and the like.
namespace kiln {

struct GraphBuilder::Inner {
  std::string name;
  std::vector<std::string> input_names = {};
  std::vector<Type> inputs = {}, results = {};
  Subgraph graph = {};
  /// What a loop carries from turn to turn: so many inputs and results, from these on.
  size_t carried = 0, first_input = 0, first_result = 0;
};

/// The names of a network at one time, so that those that came later can be had again.
class GraphBuilder::Names {
 public:
  explicit Names(Var::Network& network)
      : network_(network), uses_(network.uses), node_uses_(network.node_uses), first_(network.values.size()) {}
  void restore() const {
    for (size_t i = first_; i < network_.values.size(); ++i) network_.by_name.erase(network_.values[i].name);
    network_.uses = uses_;
    network_.node_uses = node_uses_;
  }

 private:
  Var::Network& network_;
  std::map<std::string, int, std::less<>> uses_, node_uses_;
  size_t first_;
};

/// While it lives nodes go into a new graph. Nothing is left of it unless it is kept.
class GraphBuilder::Inside {
 public:
  Inside(Var::Network& network, std::string_view name) : network_(network), before_(network) { network.open(name); }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside() {
    if (kept_) return;
    network_.close();
    before_.restore();
  }
  Graph keep() {
    kept_ = true;
    return network_.close();
  }

 private:
  Var::Network& network_;
  Names before_;
  bool kept_ = false;
};

namespace {

Type without_shape(Type type) {
  type.shape.reset();
  if (type.inner) type.inner = std::make_shared<const Type>(without_shape(*type.inner));
  return type;
}

/// One number for each of `count`, from as many or from one for all.
template <class To, class T>
std::vector<To> for_each_of(const std::vector<T>& numbers, size_t count, std::string_view what) {
  if (numbers.size() != 1 && numbers.size() != count) {
    fail(ErrorCode::invalid_argument, "{}: {} numbers are given, expected 1 or {}", what, numbers.size(), count);
  }
  std::vector<To> all;
  for (size_t i = 0; i < count; ++i) all.push_back(static_cast<To>(numbers[numbers.size() == 1 ? 0 : i]));
  return all;
}

/// Of what a Scan hands to its body.
Type element_type(const Type& sequence, int64_t axis) {
  Type element = sequence;
  element.dim_denotations.clear();
  if (!element.shape) return element;
  const auto rank = static_cast<int64_t>(element.shape->size());
  if (axis < -rank || axis >= rank) {
    fail(ErrorCode::invalid_argument, "a sequence is {}, which has no axis {}", sequence.str(), axis);
  }
  element.shape->erase(element.shape->begin() + (axis < 0 ? axis + rank : axis));
  return element;
}

std::vector<Var> joined(std::vector<Var> values, const std::vector<Var>& more) {
  values.insert(values.end(), more.begin(), more.end());
  return values;
}

void check_state(const Turn& turn, size_t carried) {
  if (turn.state.size() == carried) return;
  fail(ErrorCode::invalid_argument, "its body gives {} values of state, expected {}", turn.state.size(), carried);
}

}  // namespace

GraphBuilder::Inner GraphBuilder::build(const Inner& wanted, const Body& body) {
  Inner made = wanted;
  made.results.clear();
  Inside inside(*network_, wanted.name);
  std::vector<Var> inputs;
  for (size_t i = 0; i < wanted.inputs.size(); ++i) {
    inputs.push_back(var(network_->add_input(network_->unused_name(wanted.input_names[i]), wanted.inputs[i])));
  }
  const std::vector<Var> results = body(inputs);
  for (size_t i = 0; i < results.size(); ++i) {
    if (!results[i].defined()) {
      fail(ErrorCode::invalid_argument, "result {} of the graph '{}' is no value", i, wanted.name);
    }
    check(results[i]);
    network_->add_output(results[i].id_, fmt::format("{}:{}", wanted.name, i));
    made.results.push_back(network_->at(results[i].id_).fact.type);
  }
  made.graph = {std::make_shared<Graph>(inside.keep()), network_};
  return made;
}

/// Begins with the types of the first turn. Dims that change in a turn are left open, and the body is built again.
GraphBuilder::Inner GraphBuilder::build_until_settled(Inner wanted, const Body& body) {
  constexpr int most_rounds = 4;
  for (int round = 1;; ++round) {
    const Names before(*network_);
    Inner made = build(wanted, body);
    bool settled = true;
    for (size_t i = 0; i < wanted.carried; ++i) {
      Type& begins = wanted.inputs[wanted.first_input + i];
      const Type& goes_on = made.results[wanted.first_result + i];
      if (begins.is_known() && goes_on.is_known() && !same_kind(begins, goes_on)) {
        fail(ErrorCode::invalid_argument, "value {} of the state begins as {} and goes on as {}", i, begins.str(),
             goes_on.str());
      }
      Type both = round < most_rounds && goes_on.is_known() ? join(begins, goes_on) : without_shape(begins);
      settled = settled && both.str() == begins.str();
      begins = std::move(both);
    }
    if (settled) return made;
    before.restore();
  }
}

Subgraph GraphBuilder::subgraph(const std::vector<TensorType>& inputs, const Body& body, std::string_view name) {
  Inner wanted{.name = std::string(name)};
  for (size_t i = 0; i < inputs.size(); ++i) {
    wanted.input_names.push_back(fmt::format("{} input:{}", name, i));
    wanted.inputs.push_back(make_type(inputs[i]));
  }
  return build(wanted, body).graph;
}

std::vector<Var> GraphBuilder::if_else(const Var& condition, const Branch& then, const Branch& otherwise) {
  const auto branch = [&](const Branch& results, const char* name) {
    return build({.name = name}, [&](const auto&) { return results(); });
  };
  const Inner first = branch(then, "then"), second = branch(otherwise, "else");
  const std::string place = fmt::format("node '{}' (If)", network_->node_name("If"));
  if (first.results.size() != second.results.size()) {
    fail(ErrorCode::invalid_argument, "{}: one branch gives {} values and the other {}", place, first.results.size(),
         second.results.size());
  }
  for (size_t i = 0; i < first.results.size(); ++i) {
    const Type &a = first.results[i], &b = second.results[i];
    if (!a.is_known() || !b.is_known() || same_kind(a, b)) continue;
    fail(ErrorCode::invalid_argument, "{}: result {} is {} in one branch and {} in the other", place, i, a.str(),
         b.str());
  }
  return ops("If", {condition}, {{"then_branch", first.graph}, {"else_branch", second.graph}}, first.results.size());
}

std::vector<Var> GraphBuilder::loop(const Var& turns, const Var& condition, const std::vector<Var>& state,
                                    const LoopBody& body) {
  const std::string place = fmt::format("node '{}' (Loop)", network_->node_name("Loop"));
  Inner wanted{.name = "body", .input_names = {"turn", "goes on"}, .carried = state.size()};
  wanted.inputs = {Type::tensor(DType::i64, SymShape{}), Type::tensor(DType::boolean, SymShape{})};
  wanted.first_input = 2;
  wanted.first_result = 1;
  bool asks = false;
  Inner made;
  with_place(
      [&] {
        for (size_t i = 0; i < state.size(); ++i) {
          check(state[i]);
          wanted.input_names.push_back(fmt::format("state:{}", i));
          wanted.inputs.push_back(network_->at(state[i].id_).fact.type);
        }
        made = build_until_settled(wanted, [&](const std::vector<Var>& inputs) {
          const Turn turn = body(inputs[0], {inputs.begin() + 2, inputs.end()});
          check_state(turn, state.size());
          asks = turn.go_on.defined();
          return joined(joined({asks ? turn.go_on : inputs[1]}, turn.state), turn.collected);
        });
      },
      [&] { return place; });
  const Var first = asks && !condition.defined() ? constant(Tensor::scalar(true)) : condition;
  return ops("Loop", joined({turns, first}, state), {{"body", made.graph}}, made.results.size() - 1);
}

std::vector<Var> GraphBuilder::scan(const std::vector<Var>& state, const std::vector<Var>& sequences,
                                    const ScanBody& body, const ScanAxes& axes) {
  const std::string place = fmt::format("node '{}' (Scan)", network_->node_name("Scan"));
  Attributes attributes{{"num_scan_inputs", static_cast<int64_t>(sequences.size())}};
  Inner wanted{.name = "body", .carried = state.size()};
  Inner made;
  with_place(
      [&] {
        const auto along = for_each_of<int64_t>(axes.axes, sequences.size(), "axes");
        for (size_t i = 0; i < state.size() + sequences.size(); ++i) {
          const bool is_state = i < state.size();
          const Var& given = is_state ? state[i] : sequences[i - state.size()];
          check(given);
          const Type& type = network_->at(given.id_).fact.type;
          wanted.input_names.push_back(is_state ? fmt::format("state:{}", i) : fmt::format("element:{}", i));
          wanted.inputs.push_back(is_state ? type : element_type(type, along[i - state.size()]));
        }
        made = build_until_settled(wanted, [&](const std::vector<Var>& inputs) {
          const auto elements = inputs.begin() + static_cast<std::ptrdiff_t>(state.size());
          const Turn turn = body({inputs.begin(), elements}, {elements, inputs.end()});
          check_state(turn, state.size());
          if (turn.go_on.defined()) fail(ErrorCode::invalid_argument, "only a Loop can be told whether to go on");
          return joined(turn.state, turn.collected);
        });
        const size_t collected = made.results.size() - state.size();
        attributes["scan_input_axes"] = along;
        attributes["scan_input_directions"] = for_each_of<int64_t>(axes.backwards, sequences.size(), "backwards");
        attributes["scan_output_axes"] = for_each_of<int64_t>(axes.collected_axes, collected, "collected_axes");
        attributes["scan_output_directions"] =
            for_each_of<int64_t>(axes.collected_backwards, collected, "collected_backwards");
      },
      [&] { return place; });
  attributes["body"] = made.graph;
  return ops("Scan", joined(state, sequences), attributes, made.results.size());
}

}  // namespace kiln
