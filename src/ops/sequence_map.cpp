#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText sequence_map_versions[] = {
    {17, "input_sequence:S additional_inputs~0:V -> out_sequence~:S", "body!:graph", "S=seq(basic) V=basic,seq(basic)"},
};

void check_map_body(const NodeView& node, const Graph& body, size_t inputs) {
  const size_t outputs = node.node().outputs.size();
  if (body.inputs.size() == inputs && body.outputs.size() == outputs) return;
  fail(ErrorCode::invalid_model, "the body has {} inputs and {} outputs, the node {} and {}", body.inputs.size(),
       body.outputs.size(), inputs, outputs);
}

void infer_sequence_map(InferContext& c) {
  check_map_body(c, c.attr_graph("body"), c.input_count());
  std::vector<Type> types;
  for (size_t i = 0; i < c.input_count(); ++i) {
    const Type& type = c.type(i);
    if (type.kind == Type::Kind::sequence) {
      types.push_back(type.inner ? *type.inner : Type());
    } else if (i == 0 && type.is_known()) {
      fail(ErrorCode::invalid_model, "the first input must be a sequence, found {}", type.str());
    } else {
      types.push_back(type);
    }
  }
  const std::vector<Type> results = c.infer_graph("body", types);
  for (size_t i = 0; i < c.output_count(); ++i) {
    if (results[i].is_known()) c.set_output(i, Type::sequence(results[i]));
  }
}

void eval_sequence_map(EvalContext& c) {
  const Graph& body = c.attr_graph("body");
  check_map_body(c, body, c.input_count());
  const size_t count = c.value(0).sequence().items.size();
  for (size_t i = 1; i < c.input_count(); ++i) {
    if (!c.value(i).is_sequence() || c.value(i).sequence().items.size() == count) continue;
    fail(ErrorCode::invalid_argument, "input {} has {} elements, the first sequence has {}", i,
         c.value(i).sequence().items.size(), count);
  }
  std::vector<Sequence> outputs(c.output_count());
  std::vector<Value> arguments(c.input_count());
  for (size_t turn = 0; turn < count; ++turn) {
    c.host().check_cancelled();
    for (size_t i = 0; i < arguments.size(); ++i) {
      arguments[i] = c.value(i).is_sequence() ? c.value(i).sequence().items[turn] : c.value(i);
    }
    std::vector<Value> results = c.host().run_graph(body, arguments);
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (turn == 0 && results[i].is_tensor()) outputs[i].dtype = results[i].tensor().dtype();
      outputs[i].items.push_back(std::move(results[i]));
    }
  }
  if (count == 0) {
    for (size_t i = 0; i < arguments.size(); ++i) {
      const bool sequence = c.value(i).is_sequence();
      // The body sees no element; one of the sequence's type and an unknown shape is as good as none.
      arguments[i] = sequence ? Value() : c.value(i);
    }
    const std::vector<Type> types = c.host().infer_graph(body, arguments);
    for (size_t i = 0; i < outputs.size(); ++i) {
      outputs[i].dtype = types[i].is_tensor() ? types[i].dtype : c.value(0).sequence().dtype;
    }
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (c.wants_output(i)) c.set_output(i, std::move(outputs[i]));
  }
}

}  // namespace

extern const OpDef sequence_map_op{"", "SequenceMap", sequence_map_versions, infer_sequence_map, eval_sequence_map};

}  // namespace kiln::ops
