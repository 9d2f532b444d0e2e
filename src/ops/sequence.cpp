#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText sequence_at_versions[] = {
    {11, "input_sequence:S position:I -> tensor:T", "", "S=seq(basic) T=basic I=i32,i64"},
};

constexpr SchemaText sequence_construct_versions[] = {
    {11, "inputs*:T -> output_sequence:S", "", "T=basic S=seq(basic)"},
};

constexpr SchemaText sequence_empty_versions[] = {
    {11, "-> output:S", "dtype:int", "S=seq(basic)"},
};

constexpr SchemaText sequence_erase_versions[] = {
    {11, "input_sequence:S position?:I -> output_sequence:S", "", "S=seq(basic) I=i32,i64"},
};

constexpr SchemaText sequence_insert_versions[] = {
    {11, "input_sequence:S tensor:T position?:I -> output_sequence:S", "", "T=basic S=seq(basic) I=i32,i64"},
};

constexpr SchemaText sequence_length_versions[] = {
    {11, "input_sequence:S -> length:I", "", "S=seq(basic) I=i64"},
};

Type element_type(const InferContext& c) {
  const Type& type = c.type(0);
  return type.kind == Type::Kind::sequence && type.inner ? *type.inner : Type();
}

void check_position(const InferContext& c, size_t input) {
  const SymShape* shape = c.shape(input);
  if (shape && !shape->empty() && !(shape->size() == 1 && shape->front() == Dim(1))) {
    fail(ErrorCode::invalid_argument, "the position must be a scalar, found shape {}", to_string(*shape));
  }
}

void infer_sequence_at(InferContext& c) {
  check_position(c, 1);
  c.set_output(0, element_type(c));
}

void eval_sequence_at(EvalContext& c) {
  const std::vector<Value>& items = c.value(0).sequence().items;
  const int64_t at = checked_index(c.input_int(1), static_cast<int64_t>(items.size()), "position");
  c.set_output(0, items[static_cast<size_t>(at)]);
}

void infer_sequence_construct(InferContext& c) {
  Type element = c.type(0);
  for (size_t i = 1; i < c.input_count(); ++i) element = join(element, c.type(i));
  c.set_output(0, Type::sequence(element));
}

void eval_sequence_construct(EvalContext& c) {
  Sequence sequence;
  sequence.dtype = c.input(0).dtype();
  for (size_t i = 0; i < c.input_count(); ++i) {
    if (c.input(i).dtype() != sequence.dtype) {
      fail(ErrorCode::invalid_argument, "input {} is of type {}, the first of {}", i, dtype_name(c.input(i).dtype()),
           dtype_name(sequence.dtype));
    }
    sequence.items.push_back(c.value(i));
  }
  c.set_output(0, std::move(sequence));
}

DType empty_dtype(const NodeView& node) {
  const int64_t number = node.attr_int("dtype", static_cast<int64_t>(DType::f32));
  if (number < 1 || number >= kDTypeCount) {
    fail(ErrorCode::invalid_argument, "attribute 'dtype' is {}, which is no element type", number);
  }
  return static_cast<DType>(number);
}

void infer_sequence_empty(InferContext& c) { c.set_output(0, Type::sequence(Type::tensor(empty_dtype(c)))); }

void eval_sequence_empty(EvalContext& c) {
  Sequence sequence;
  sequence.dtype = empty_dtype(c);
  c.set_output(0, std::move(sequence));
}

void infer_sequence_erase(InferContext& c) {
  check_position(c, 1);
  c.set_output(0, c.type(0));
}

void eval_sequence_erase(EvalContext& c) {
  Sequence sequence = c.value(0).sequence();
  const int64_t position = c.has_input(1) ? c.input_int(1) : -1;
  const int64_t at = checked_index(position, static_cast<int64_t>(sequence.items.size()), "position");
  sequence.items.erase(sequence.items.begin() + at);
  c.set_output(0, std::move(sequence));
}

void infer_sequence_insert(InferContext& c) {
  check_position(c, 2);
  const Type element = element_type(c);
  c.set_output(0, Type::sequence(element.is_known() ? join(element, c.type(1)) : Type::tensor(c.dtype(1))));
}

void eval_sequence_insert(EvalContext& c) {
  Sequence sequence = c.value(0).sequence();
  const DType dtype = c.input(1).dtype();
  if (sequence.dtype != DType::undefined && dtype != sequence.dtype) {
    fail(ErrorCode::invalid_argument, "a tensor of {} cannot be put into a sequence of {}", dtype_name(dtype),
         dtype_name(sequence.dtype));
  }
  sequence.dtype = dtype;
  const auto count = static_cast<int64_t>(sequence.items.size());
  int64_t position = c.has_input(2) ? c.input_int(2) : count;
  if (position < -count || position > count) {
    fail(ErrorCode::invalid_argument, "position {} is outside [{}, {}]", position, -count, count);
  }
  if (position < 0) position += count;
  sequence.items.insert(sequence.items.begin() + position, c.value(1));
  c.set_output(0, std::move(sequence));
}

void infer_sequence_length(InferContext& c) { c.set_output(0, DType::i64, SymShape{}); }

void eval_sequence_length(EvalContext& c) {
  c.set_output(0, Tensor::scalar(static_cast<int64_t>(c.value(0).sequence().items.size())));
}

}  // namespace

extern const OpDef sequence_at_op{"", "SequenceAt", sequence_at_versions, infer_sequence_at, eval_sequence_at};
extern const OpDef sequence_construct_op{"", "SequenceConstruct", sequence_construct_versions, infer_sequence_construct,
                                         eval_sequence_construct};
extern const OpDef sequence_empty_op{"", "SequenceEmpty", sequence_empty_versions, infer_sequence_empty,
                                     eval_sequence_empty};
extern const OpDef sequence_erase_op{"", "SequenceErase", sequence_erase_versions, infer_sequence_erase,
                                     eval_sequence_erase};
extern const OpDef sequence_insert_op{"", "SequenceInsert", sequence_insert_versions, infer_sequence_insert,
                                      eval_sequence_insert};
extern const OpDef sequence_length_op{"", "SequenceLength", sequence_length_versions, infer_sequence_length,
                                      eval_sequence_length};

}  // namespace kiln::ops
