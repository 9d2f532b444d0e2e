#include "builder/typical_shapes.hpp"

#include <algorithm>
#include <map>
#include <string>

namespace kiln {
namespace {

/// Sizes to try for the open dims of the inputs.
struct Sizes {
  int64_t height, width, length;
};
constexpr Sizes usual[] = {{640, 640, 128}, {224, 224, 128}, {48, 320, 128},
                           {32, 320, 64},   {512, 512, 77},  {28, 28, 16}};

int64_t typical_dim(const Sizes& sizes, size_t rank, size_t axis) {
  if (axis == 0) return 1;
  if (rank == 4) return axis == 1 ? 3 : axis == 2 ? sizes.height : sizes.width;
  return sizes.length;
}

<<<<<<< HEAD
/// Values whose shape is not known.
size_t unknown_count(const Facts& facts) {
  return static_cast<size_t>(std::count_if(facts.begin(), facts.end(), [](const Fact& fact) {
    const auto& shape = fact.type.shape;
    return !shape || std::any_of(shape->begin(), shape->end(), [](const Dim& dim) { return !dim.is_known(); });
  }));
}

Facts infer(const EngineDef& engine, const std::map<ValueId, Fact>& inputs) {
  Diagnostics diagnostics(Diagnostics::Mode::collect);
  return ShapeInference(engine.model(), diagnostics, ShapeInference::StatedTypes::ignore).run(inputs);
}

bool is_open(const EngineDef& engine) {
  return std::any_of(engine.inputs().begin(), engine.inputs().end(), [](const Port& input) {
    const auto& shape = input.type.shape;
    return input.type.is_tensor() && shape &&
           std::any_of(shape->begin(), shape->end(), [](const Dim& dim) { return !dim.is_known(); });
  });
}

Facts infer_with(const EngineDef& engine, const Sizes& sizes) {
  std::map<ValueId, Fact> inputs;
  std::map<std::string, int64_t> symbols;
=======
/// The number for an open dim of an input: as given, or as in common use; the same wherever its symbol stands.
class TypicalDims {
 public:
  explicit TypicalDims(const std::map<std::string, Shape>& shapes) : shapes_(shapes) {}
  int64_t of(const Port& input, size_t axis) {
    const SymShape& shape = *input.type.shape;
    const auto given = shapes_.find(input.name);
    if (given != shapes_.end() && given->second.size() == shape.size()) return given->second[axis];
    const int64_t typical = typical_dim(shape.size(), axis);
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
  const std::map<std::string, Shape>& shapes_;
  std::map<std::string, int64_t> symbols_;
};

}  // namespace

BuildFacts build_facts(const EngineDef& engine, const std::map<std::string, Shape>& shapes) {
  const auto infer = [&](const std::map<ValueId, Fact>& inputs) {
    Diagnostics diagnostics(Diagnostics::Mode::collect);
    return ShapeInference(engine.model(), diagnostics, ShapeInference::StatedTypes::ignore).run(inputs);
  };
  std::map<ValueId, Fact> inputs;
  TypicalDims typical(shapes);
  for (const Port& input : engine.inputs()) {
    if (input.type.is_tensor() && input.type.shape) typical.learn(input);
  }
  bool is_open = false;
>>>>>>> 0504edd (Candidates are measured as they run, and kept in a timing cache; bytes have a price)
  for (const Port& input : engine.inputs()) {
    if (!input.type.is_tensor() || !input.type.shape) continue;
    Type type = input.type;
    for (size_t axis = 0; axis < type.shape->size(); ++axis) {
      Dim& dim = (*type.shape)[axis];
      if (dim.is_known()) continue;
<<<<<<< HEAD
      const int64_t typical = typical_dim(sizes, type.shape->size(), axis);
      dim = dim.is_unknown() ? typical : symbols.emplace(dim.str(), typical).first->second;
=======
      is_open = true;
      dim = typical.of(input, axis);
>>>>>>> 0504edd (Candidates are measured as they run, and kept in a timing cache; bytes have a price)
    }
    inputs[input.value].type = type;
  }
  return infer(engine, inputs);
}

}  // namespace

BuildFacts build_facts(const EngineDef& engine) {
  BuildFacts facts;
  facts.sure = infer(engine, {});
  if (!is_open(engine)) {
    facts.typical = facts.sure;
    return facts;
  }
  // A model that is made for one size of picture says so by failing with others.
  size_t fewest = facts.sure.size() + 1;
  for (const Sizes& sizes : usual) {
    Facts tried = infer_with(engine, sizes);
    const size_t unknown = unknown_count(tried);
    if (unknown >= fewest) continue;
    fewest = unknown;
    facts.typical = std::move(tried);
    if (fewest == 0) break;
  }
  return facts;
}

}  // namespace kiln
