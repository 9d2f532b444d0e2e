#include <limits>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/scan_output.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText loop_versions[] = {
    {1, "M?:I cond?:B v_initial~:V -> v_final_and_scan_outputs~:V", "body!:graph", "V=basic I=i64 B=bool"},
    {11, "M?:I cond?:B v_initial~0:V -> v_final_and_scan_outputs~:V", "body!:graph", "V=basic I=i64 B=bool"},
    {13, "M?:I cond?:B v_initial~0:V -> v_final_and_scan_outputs~:V", "body!:graph", "V=basic,seq(basic) I=i64 B=bool"},
    {16, "M?:I cond?:B v_initial~0:V -> v_final_and_scan_outputs~:V", "body!:graph",
     "V=basic,bf16,seq(basic,bf16),optional_seq(basic,bf16),optional(basic,bf16) I=i64 B=bool"},
    {19, "M?:I cond?:B v_initial~0:V -> v_final_and_scan_outputs~:V", "body!:graph",
     "V=basic,float8,bf16,seq(basic,float8,bf16),optional_seq(basic,bf16),optional(basic,float8,bf16) I=i64 "
     "B=bool"},
    {21, "M?:I cond?:B v_initial~0:V -> v_final_and_scan_outputs~:V", "body!:graph",
     "V=basic,float8,bf16,u4,i4,seq(basic,float8,bf16,u4,i4),optional_seq(basic,bf16),optional(basic,float8,"
     "bf16,u4,i4) I=i64 B=bool"},
    {23, "M?:I cond?:B v_initial~0:V -> v_final_and_scan_outputs~:V", "body!:graph",
     "V=basic,float8,bf16,u4,i4,f4e2m1,seq(basic,float8,bf16,u4,i4,f4e2m1),optional_seq(basic,bf16),"
     "optional(basic,float8,bf16,u4,i4,f4e2m1) I=i64 B=bool"},
    {24, "M?:I cond?:B v_initial~0:V -> v_final_and_scan_outputs~:V", "body!:graph",
     "V=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,seq(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0),optional_seq(basic,"
     "bf16),optional(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0) I=i64 B=bool"},
    {25, "M?:I cond?:B v_initial~0:V -> v_final_and_scan_outputs~:V", "body!:graph",
     "V=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2,seq(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2),"
     "optional_seq(basic,bf16),optional(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2) I=i64 B=bool"},
};

/// Fails unless body, inputs and outputs fit together; gives the number of carried values.
size_t check_body(const NodeView& node, const Graph& body, size_t inputs) {
  const size_t carried = inputs > 2 ? inputs - 2 : 0;
  if (body.inputs.size() != carried + 2) {
    fail(ErrorCode::invalid_model, "the body has {} inputs; {} carried values make that {}", body.inputs.size(),
         carried, carried + 2);
  }
  const size_t outputs = node.node().outputs.size();
  if (body.outputs.size() != outputs + 1 || outputs < carried) {
    fail(ErrorCode::invalid_model, "the body has {} outputs and the node {}, with {} carried values",
         body.outputs.size(), outputs, carried);
  }
  return carried;
}

/// The type without shapes, which may change from turn to turn.
Type without_shape(Type type) {
  type.shape.reset();
  if (type.inner) type.inner = std::make_shared<const Type>(without_shape(*type.inner));
  return type;
}

/// Whether the body's condition is always true or simply the one it was given.
bool keeps_condition(const Graph& body) {
  ValueId id = body.outputs[0];
  for (size_t step = 0; step <= body.nodes.size() && id != no_value; ++step) {
    if (id == body.inputs[1]) return true;
    const Node* producer = nullptr;
    for (const Node& node : body.nodes) {
      for (ValueId output : node.outputs) {
        if (output == id) producer = &node;
      }
    }
    const Tensor* constant = nullptr;
    if (const Initializer* initializer = body.find_initializer(id)) constant = &initializer->tensor;
    if (producer && producer->op_type == "Constant" && producer->domain.empty()) {
      const Attribute* value = producer->find_attribute("value");
      if (value) constant = std::get_if<Tensor>(&value->data);
    }
    if (constant) return constant->dtype() == DType::boolean && constant->size() == 1 && *constant->data<bool>();
    if (!producer || producer->op_type != "Identity" || producer->inputs.size() != 1) return false;
    id = producer->inputs[0];
  }
  return false;
}

/// How many turns the loop makes, where that is certain.
Dim turns(const InferContext& c, const Graph& body) {
  if (c.has_input(1)) {
    const Tensor* condition = c.constant(1);
    if (!condition || condition->dtype() != DType::boolean || condition->size() != 1) return {};
    if (!*condition->data<bool>()) return 0;
    if (!keeps_condition(body)) return {};
  }
  const auto count = c.dims(0);
  return count && count->size() == 1 ? max(count->front(), Dim(0)) : Dim();
}

bool same_types(const std::vector<Type>& a, const std::vector<Type>& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].str() != b[i].str()) return false;
  }
  return true;
}

/// Types of the body's inputs that hold in every turn, from those of the first.
std::vector<Type> settle_types(InferContext& c, std::vector<Type> types) {
  constexpr int most_rounds = 3;
  for (int round = 0; round < most_rounds; ++round) {
    const std::vector<Type> results = c.guess_graph("body", types);
    std::vector<Type> wider = types;
    for (size_t i = 2; i < types.size(); ++i) wider[i] = join(types[i], results[i - 1]);
    if (same_types(types, wider)) return types;
    types = std::move(wider);
  }
  for (size_t i = 2; i < types.size(); ++i) types[i] = without_shape(types[i]);
  return types;
}

void infer_loop(InferContext& c) {
  const Graph& body = c.attr_graph("body");
  const size_t carried = check_body(c, body, c.input_count());
  const Dim count = turns(c, body);
  std::vector<Type> first = {Type::tensor(DType::i64), Type::tensor(DType::boolean)};
  for (size_t i = 0; i < carried; ++i) first.push_back(c.type(i + 2));
  const std::vector<Type> types = settle_types(c, first);
  const std::vector<Type> results = c.infer_graph("body", types);
  for (size_t i = 0; i < c.output_count(); ++i) {
    const Type& result = results[i + 1];
    if (i < carried) {
      // After no turn at all the result is the initial value.
      if (result.is_known() && first[i + 2].is_known()) {
        c.set_output(i, join(first[i + 2], result));
      } else {
        c.set_output(i, without_shape(result.is_known() ? result : first[i + 2]));
      }
      continue;
    }
    if (!result.is_known()) continue;
    if (!result.is_tensor()) fail(ErrorCode::invalid_model, "scan output {} is {}, not a tensor", i, result.str());
    Type stacked = result;
    if (stacked.shape) stacked.shape->insert(stacked.shape->begin(), count);
    stacked.dim_denotations.clear();
    c.set_output(i, std::move(stacked));
  }
}

/// A scalar, or a list of one where the body asks for that.
template <class T>
Tensor body_scalar(const Graph& body, size_t index, T value) {
  const ValueId id = body.inputs[index];
  const bool list = id != no_value && body.values[static_cast<size_t>(id)].type.shape &&
                    body.values[static_cast<size_t>(id)].type.shape->size() == 1;
  const Tensor scalar = Tensor::scalar<T>(value);
  return list ? scalar.reshaped({1}) : scalar;
}

bool condition_of(const Value& value) {
  const Tensor& tensor = value.tensor();
  if (tensor.size() != 1 || tensor.dtype() != DType::boolean) {
    fail(ErrorCode::invalid_argument, "the condition must be one boolean, found {}", value.describe());
  }
  return *tensor.data<bool>();
}

void eval_loop(EvalContext& c) {
  const Graph& body = c.attr_graph("body");
  const size_t carried = check_body(c, body, c.input_count());
  const int64_t most_turns = c.has_input(0) ? c.input_int(0) : std::numeric_limits<int64_t>::max();
  const bool asks_condition = c.has_input(1);
  bool going = !asks_condition || condition_of(c.value(1));

  std::vector<Value> state(2);
  for (size_t i = 0; i < carried; ++i) state.push_back(c.has_input(i + 2) ? c.value(i + 2) : Value());
  const size_t scans = c.output_count() - carried;
  std::vector<ScanOutput> collected;
  for (size_t i = 0; i < scans; ++i) collected.emplace_back(c.host());

  for (int64_t turn = 0; turn < most_turns && going; ++turn) {
    c.host().check_cancelled();
    state[0] = body_scalar<int64_t>(body, 0, turn);
    state[1] = body_scalar<bool>(body, 1, going);
    std::vector<Value> results = c.host().run_graph(body, state);
    if (asks_condition) going = condition_of(results[0]);
    for (size_t i = 0; i < carried; ++i) state[i + 2] = std::move(results[i + 1]);
    for (size_t i = 0; i < scans; ++i) collected[i].add(results[carried + 1 + i].tensor());
  }

  std::vector<Type> types;
  for (size_t i = 0; i < c.output_count(); ++i) {
    if (!c.wants_output(i)) continue;
    if (i < carried) {
      c.set_output(i, state[i + 2]);
      continue;
    }
    ScanOutput& output = collected[i - carried];
    if (output.empty() && types.empty()) {
      state[0] = body_scalar<int64_t>(body, 0, 0);
      state[1] = body_scalar<bool>(body, 1, going);
      types = c.host().infer_graph(body, state);
    }
    c.set_output(i, output.empty() ? empty_scan_output(types[i + 1], {0}, 0) : output.stack(0, false));
  }
}

}  // namespace

extern const OpDef loop_op{"", "Loop", loop_versions, infer_loop, eval_loop};

}  // namespace kiln::ops
