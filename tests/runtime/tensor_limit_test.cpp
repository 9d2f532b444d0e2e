#include <gtest/gtest.h>

#include "base/error.hpp"
#include "builder/build.hpp"
#include "runtime/graph_maker.hpp"

namespace kiln::test {
namespace {

Tensor shape_of(std::initializer_list<int64_t> dims) {
  Tensor tensor(DType::i64, {static_cast<int64_t>(dims.size())});
  std::copy(dims.begin(), dims.end(), tensor.mutable_data<int64_t>());
  return tensor;
}

/// The negated sum of an input of shape [1] with itself, repeated over a shape that is known before the run.
ModelDef expanding_to(std::initializer_list<int64_t> dims) {
  Graph graph;
  add_input(graph, "x", Type::tensor(DType::f32, SymShape{1}));
  add_constant(graph, "shape", shape_of(dims));
  add_node(graph, "Add", {"x", "x"}, {"twice"});
  add_node(graph, "Expand", {"twice", "shape"}, {"expanded"});
  add_node(graph, "Neg", {"expanded"}, {"y"});
  add_output(graph, "y");
  return model_of(std::move(graph));
}

std::string message_of_run(ModelDef model, const EngineDef::MakeMachine& make_machine) {
  Tensor one(DType::f32, {1});
  *one.mutable_data<float>() = 1;
  return message_of([&] {
    const auto engine = EngineDef::create(std::move(model), make_machine);
    Context(engine).run(std::vector<Feed>{{"x", one}}, std::vector<size_t>{0});
  });
}

TEST(TensorLimit, AResultThatNoMemoryHoldsIsRefusedWhereItIsMade) {
  constexpr auto npos = std::string::npos;
  const auto fast = [](const EngineDef& engine) { return build_machine(engine, {.tune = Tune::off}); };
  for (const EngineDef::MakeMachine& make_machine : {EngineDef::MakeMachine(), EngineDef::MakeMachine(fast)}) {
    EXPECT_EQ(message_of_run(expanding_to({2, 3}), make_machine), "");
    // 16 GiB is the default of the knob; the bytes of the second fit no 64 bits, nor do the elements of the third.
    EXPECT_NE(message_of_run(expanding_to({1 << 20, 1 << 20}), make_machine).find("max_tensor_bytes"), npos);
    EXPECT_NE(message_of_run(expanding_to({int64_t{1} << 61, 3}), make_machine).find("max_tensor_bytes"), npos);
    EXPECT_NE(message_of_run(expanding_to({int64_t{1} << 40, int64_t{1} << 40}), make_machine), "");
  }
}

}  // namespace
}  // namespace kiln::test
