#include "builder/typical_shapes.hpp"

#include <algorithm>
#include <limits>

namespace kiln {
namespace {

/// Sizes to try for the open dims of the inputs.
struct UsualSizes {
  int64_t height, width, length;
};
constexpr UsualSizes usual[] = {{640, 640, 128}, {224, 224, 128}, {48, 320, 128}, {32, 320, 64},
                                {512, 512, 77},  {28, 28, 16},    {640, 640, 576}};

int64_t typical_dim(const UsualSizes& sizes, size_t rank, size_t axis) {
  if (axis == 0) return 1;
  if (rank == 4) return axis == 1 ? 3 : axis == 2 ? sizes.height : sizes.width;
  return sizes.length;
}

/// The number for an open dim of an input: as given, or as in common use; the same wherever its symbol stands.
class TypicalDims {
 public:
  TypicalDims(const UsualSizes& sizes, const std::map<std::string, Shape>& shapes) : sizes_(sizes), shapes_(shapes) {}
  int64_t of(const Port& input, size_t axis) {
    const SymShape& shape = *input.type.shape;
    const auto given = shapes_.find(input.name);
    if (given != shapes_.end() && given->second.size() == shape.size()) return given->second[axis];
    // What comes in as layers, batch and features is the state of a recurrence.
    const bool is_state = shape.size() == 3 && shape[0].is_known() && shape[0].value() > 1 && shape[2].is_known();
    const int64_t typical = is_state ? 1 : typical_dim(sizes_, shape.size(), axis);
    if (shape[axis].is_unknown()) return typical;
    return symbols_.emplace(shape[axis].str(), typical).first->second;
  }
  /// What the given shapes say of symbols holds for the inputs that are not given.
  void learn(const Port& input) {
    const auto given = shapes_.find(input.name);
    if (given == shapes_.end() || given->second.size() != input.type.shape->size()) return;
    for (size_t axis = 0; axis < given->second.size(); ++axis) {
      const Dim& dim = (*input.type.shape)[axis];
      if (dim.is_symbolic()) symbols_.emplace(dim.str(), given->second[axis]);
    }
  }

 private:
  const UsualSizes& sizes_;
  const std::map<std::string, Shape>& shapes_;
  std::map<std::string, int64_t> symbols_;
};

bool has_shape(const Port& input) { return input.type.is_tensor() && input.type.shape; }
bool is_open(const SymShape& shape) {
  return std::any_of(shape.begin(), shape.end(), [](const Dim& dim) { return !dim.is_known(); });
}

/// Values whose shape is not known, or but a guess.
size_t unknown_count(const Facts& facts) {
  const auto is_unknown = [](const Fact& fact) {
    return fact.is_born || !fact.type.shape || is_open(*fact.type.shape);
  };
  return static_cast<size_t>(std::count_if(facts.begin(), facts.end(), is_unknown));
}

size_t unknown_count(const Facts& facts, const FactsInside& inside) {
  size_t count = unknown_count(facts);
  for (const auto& [graph, some] : inside) count += unknown_count(some);
  return count;
}

/// For a dim that data decide: so many boxes, say. Much divides it, as Reshapes may ask for.
constexpr int64_t typical_count = 120;

/// `guess`: for dims that data decide; 0 leaves them open.
Facts infer(const EngineDef& engine, const std::map<ValueId, Fact>& inputs, FactsInside& inside, int64_t guess) {
  Diagnostics diagnostics(Diagnostics::Mode::collect);
  ShapeInference inference(engine.model(), diagnostics, ShapeInference::StatedTypes::ignore);
  inference.guess(guess);
  inference.set_observer([&](const Graph& graph, const Facts& facts) {
    if (&graph != &engine.model().graph) inside[&graph] = facts;
  });
  return inference.run(inputs);
}

Facts infer_typical(const EngineDef& engine, const UsualSizes& sizes, const std::map<std::string, Shape>& shapes,
                    FactsInside& inside) {
  TypicalDims typical(sizes, shapes);
  for (const Port& input : engine.inputs()) {
    if (has_shape(input)) typical.learn(input);
  }
  std::map<ValueId, Fact> inputs;
  for (const Port& input : engine.inputs()) {
    if (!has_shape(input)) continue;
    Type type = input.type;
    for (size_t axis = 0; axis < type.shape->size(); ++axis) {
      Dim& dim = (*type.shape)[axis];
      if (!dim.is_known()) dim = typical.of(input, axis);
    }
    inputs[input.value].type = type;
  }
  return infer(engine, inputs, inside, typical_count);
}

}  // namespace

BuildFacts build_facts(const EngineDef& engine, const std::map<std::string, Shape>& shapes) {
  BuildFacts facts;
  facts.sure = infer(engine, {}, facts.sure_inside, 0);
  const bool open = std::any_of(engine.inputs().begin(), engine.inputs().end(),
                                [](const Port& input) { return has_shape(input) && is_open(*input.type.shape); });
  if (!open) {
    facts.typical = facts.sure;
    facts.typical_inside = facts.sure_inside;
    if (unknown_count(facts.sure) > 0) facts.typical = infer(engine, {}, facts.typical_inside, typical_count);
    return facts;
  }
  // A model that is made for one size of picture says so by failing with others.
  size_t fewest = std::numeric_limits<size_t>::max();
  for (const UsualSizes& sizes : usual) {
    FactsInside inside;
    Facts tried = infer_typical(engine, sizes, shapes, inside);
    const size_t unknown = unknown_count(tried, inside);
    if (unknown >= fewest) continue;
    fewest = unknown;
    facts.typical = std::move(tried);
    facts.typical_inside = std::move(inside);
    if (fewest == 0) break;
  }
  return facts;
}

BuildFacts facts_at(const EngineDef& engine, const BuildFacts& facts, const std::map<std::string, Shape>& shapes) {
  BuildFacts other;
  other.sure = facts.sure;
  other.typical = infer_typical(engine, usual[0], shapes, other.typical_inside);
  return other;
}

size_t unknown_shapes(const Facts& typical) { return unknown_count(typical); }

BuildFacts facts_of_body(const BuildFacts& around, const Graph& graph, const TakenValues& taken,
                         const EngineDef& body) {
  const auto sure = around.sure_inside.find(&graph), typical = around.typical_inside.find(&graph);
  if (sure == around.sure_inside.end() || typical == around.typical_inside.end()) return build_facts(body);
  const auto complete = [&](const Facts& inside, const Facts& outside) {
    Facts facts = inside;
    facts.resize(body.model().graph.values.size());
    for (const auto& [from, to] : taken) facts[static_cast<size_t>(to)] = outside[static_cast<size_t>(from)];
    return facts;
  };
  BuildFacts facts{complete(sure->second, around.sure), complete(typical->second, around.typical), around.sure_inside,
                   around.typical_inside};
  if (unknown_count(facts.typical) == 0) return facts;
  // Nothing was guessed inside. Here it is.
  std::map<ValueId, Fact> inputs;
  for (const Port& input : body.inputs()) inputs[input.value] = facts.typical[static_cast<size_t>(input.value)];
  facts.typical = infer(body, inputs, facts.typical_inside, typical_count);
  return facts;
}

BuildFacts facts_of_sequel(const BuildFacts& around, const TakenValues& taken, const EngineDef& sequel) {
  const auto here = [&](const Facts& outside) {
    Facts facts(sequel.model().graph.values.size());
    for (const auto& [from, to] : taken) facts[static_cast<size_t>(to)] = outside[static_cast<size_t>(from)];
    return facts;
  };
  return {here(around.sure), here(around.typical), around.sure_inside, around.typical_inside};
}

std::map<std::string, Shape> typical_input_shapes(const EngineDef& engine, const std::map<std::string, Shape>& shapes) {
  const Facts facts = build_facts(engine, shapes).typical;
  std::map<std::string, Shape> typical;
  for (const Port& input : engine.inputs()) {
    const TensorSpec spec = spec_of(engine.program(), facts, input.value);
    if (spec.is_given()) typical[input.name] = spec.shape;
  }
  return typical;
}

}  // namespace kiln
