#include "builder/typical_shapes.hpp"

#include <map>
#include <string>

namespace kiln {
namespace {

int64_t typical_dim(size_t rank, size_t axis) {
  if (axis == 0) return 1;
  if (rank == 4) return axis == 1 ? 3 : 640;
  return 128;
}

}  // namespace

BuildFacts build_facts(const Engine& engine) {
  const auto infer = [&](const std::map<ValueId, Fact>& inputs) {
    Diagnostics diagnostics(Diagnostics::Mode::collect);
    return ShapeInference(engine.model(), diagnostics, ShapeInference::StatedTypes::ignore).run(inputs);
  };
  std::map<ValueId, Fact> inputs;
  std::map<std::string, int64_t> symbols;
  bool is_open = false;
  for (const Port& input : engine.inputs()) {
    if (!input.type.is_tensor() || !input.type.shape) continue;
    Type type = input.type;
    for (size_t axis = 0; axis < type.shape->size(); ++axis) {
      Dim& dim = (*type.shape)[axis];
      if (dim.is_known()) continue;
      is_open = true;
      const int64_t typical = typical_dim(type.shape->size(), axis);
      dim = dim.is_unknown() ? typical : symbols.emplace(dim.str(), typical).first->second;
    }
    inputs[input.value].type = type;
  }
  BuildFacts facts;
  facts.sure = infer({});
  facts.typical = is_open ? infer(inputs) : facts.sure;
  return facts;
}

}  // namespace kiln
