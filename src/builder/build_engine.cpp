#include "builder/build_engine.hpp"

#include "graph/copy_model.hpp"

namespace kiln {

BuiltEngine build_engine(ModelDef model, const BuildOptions& options, const std::map<std::string, Shape>& shapes) {
  BuiltEngine built;
  const ModelDef original = options.verify ? copy_model(model) : ModelDef();
  built.passes = optimize(model);
  const BuildDetails details{shapes, &built.groups};
  built.engine = EngineDef::create(std::move(model),
                                   [&](const EngineDef& engine) { return build_machine(engine, options, details); });
  if (options.verify) {
    if (options.progress) options.progress({.what = "holding the engine against the reference", .done = 1, .total = 1});
    built.verified = verify_engine(original, built.engine, shapes);
  }
  return built;
}

}  // namespace kiln
