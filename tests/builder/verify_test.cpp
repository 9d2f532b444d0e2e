#include <cmath>

#include "builder/build.hpp"
#include "builder/inner_results.hpp"
#include "builder/verify_engine.hpp"
#include "graph/copy_model.hpp"
#include "passes/model_builder.hpp"

namespace kiln {
namespace {

/// Two channels that are the same sum in another order: rounding decides which one is larger, and what follows.
ModelDef undecided() {
  ModelBuilder b;
  b.input("x", {Dim(1), Dim(8), Dim(24), Dim(24)});
  Tensor weights(DType::f32, {2, 24, 3, 3});
  for (int64_t i = 0; i < 216; ++i) {
    const auto weight = static_cast<float>(std::sin(1.3 * static_cast<double>(i)));
    weights.mutable_data<float>()[i] = weight;
    weights.mutable_data<float>()[216 + (i + 72) % 216] = weight;
  }
  b.constant("w", weights);
  b.constant("v", ramp({4, 1, 3, 3}));
  b.add("Concat", {"x", "x", "x"}, {"three"}, {passes::int_value("axis", 1)});
  b.add("Conv", {"three", "w"}, {"sums"}).name = "first";
  b.add("ArgMax", {"sums"}, {"larger"}, {passes::int_value("axis", 1)}).name = "choice";
  b.add("Cast", {"larger"}, {"as_float"}, {passes::int_value("to", 1)});
  b.add("Conv", {"as_float", "v"}, {"y"}).name = "second";
  b.output("y");
  b.output("larger");
  return b.model;
}

/// The engine; the weights of the node are spoiled in it, if it has one of that name.
std::shared_ptr<const EngineDef> engine_of(const ModelDef& model, std::string_view spoiled = "") {
  return EngineDef::create(copy_model(model), [&](const EngineDef& engine) {
    Machine machine = build_machine(engine, {.tune = Tune::off});
    for (MachineStep& step : machine.steps) {
      if (engine.model().graph.nodes[step.group.nodes.front()].name != spoiled) continue;
      auto* const weights = const_cast<float*>(step.packed);
      for (int64_t i = 0; i < step.packed_floats; ++i) weights[i] *= 1.5f;
    }
    return machine;
  });
}

std::string complaint_of(const std::shared_ptr<const EngineDef>& engine) {
  try {
    verify_engine(undecided(), engine);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Verify, ChoicesThatRoundingTurnsOverAreNoFault) {
  const ModelDef model = undecided();
  const auto engine = engine_of(model);
  const Tensor x = ramp({1, 8, 24, 24});
  const Tensor expected = run_all(by_reference(*engine), {{"x", x}})[1].tensor();
  const Tensor found = run_all(engine, {{"x", x}})[1].tensor();
  int64_t differing = 0;
  for (int64_t i = 0; i < found.size(); ++i) differing += expected.data<int64_t>()[i] != found.data<int64_t>()[i];
  EXPECT_GT(differing, found.size() / 10);
  const VerifyResult result = verify_engine(model, engine);
  EXPECT_TRUE(result.done);
  EXPECT_LT(result.difference, 1e-4);
}

TEST(Verify, FaultsAreFoundBeforeAndBehindChoices) {
  for (const std::string name : {"first", "second"}) {
    const std::string complaint = complaint_of(engine_of(undecided(), name));
    EXPECT_NE(complaint.find("node '" + name + "' (Conv) is the first that is off"), std::string::npos) << complaint;
  }
}

TEST(Verify, RewritingIsJudgedBeforeChoices) {
  ModelDef other = undecided();
  for (Initializer& constant : other.graph.initializers) {
    if (other.graph.name_of(constant.value) != "w") continue;
    constant.tensor = constant.tensor.clone();
    constant.tensor.mutable_data<float>()[0] += 1;
  }
  const std::string complaint = complaint_of(engine_of(other));
  EXPECT_NE(complaint.find("the rewriting of the graph is to blame"), std::string::npos) << complaint;
}

}  // namespace
}  // namespace kiln
