#include "ops/training/optimizer.hpp"

#include "base/error.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {

size_t optimized_count(size_t inputs, size_t outputs, size_t groups) {
  if (inputs < 2 + groups || (inputs - 2) % groups != 0) {
    fail(ErrorCode::invalid_model, "the node has {} inputs, expected R, T and a multiple of {} tensors", inputs,
         groups);
  }
  const size_t count = (inputs - 2) / groups;
  if (outputs > count * (groups - 1)) {
    fail(ErrorCode::invalid_model, "the node has {} outputs, expected {}", outputs, count * (groups - 1));
  }
  return count;
}

namespace {

/// The input that output `index` is the new value of: the gradients have none.
size_t source_of(size_t index, size_t count) { return 2 + index + (index < count ? 0 : count); }

}  // namespace

void infer_optimizer(InferContext& context, size_t groups) {
  const size_t count = optimized_count(context.input_count(), context.output_count(), groups);
  for (size_t i = 0; i < context.output_count(); ++i) context.set_output(i, context.type(source_of(i, count)));
}

double learning_rate(EvalContext& context) {
  const Tensor& rate = context.input(0);
  if (rate.size() != 1) {
    fail(ErrorCode::invalid_argument, "the learning rate must be one number, found shape {}", to_string(rate.shape()));
  }
  return rate.dtype() == DType::f64 ? *rate.data<double>() : *rate.data<float>();
}

int64_t update_count(EvalContext& context) { return context.input_int(1); }

void update_elements(EvalContext& context, size_t groups, FunctionRef<void(std::span<double>)> step) {
  const size_t count = optimized_count(context.input_count(), context.output_count(), groups);
  for (size_t k = 0; k < count; ++k) {
    std::vector<const Tensor*> from;
    std::vector<Tensor> to;
    for (size_t group = 0; group < groups; ++group) {
      const Tensor& tensor = context.input(2 + group * count + k);
      if (group > 0 && (tensor.shape() != from[0]->shape() || tensor.dtype() != from[0]->dtype())) {
        fail(ErrorCode::invalid_argument, "input {} is {} {}, expected {} {} as its tensor is", 2 + group * count + k,
             dtype_name(tensor.dtype()), to_string(tensor.shape()), dtype_name(from[0]->dtype()),
             to_string(from[0]->shape()));
      }
      from.push_back(&tensor);
      to.push_back(context.host().allocate(tensor.dtype(), tensor.shape()));
    }
    dispatch(Types<float, double>{}, from[0]->dtype(), [&]<class T>() {
      std::vector<double> element(groups);
      for (int64_t i = 0; i < from[0]->size(); ++i) {
        for (size_t group = 0; group < groups; ++group) element[group] = from[group]->data<T>()[i];
        step(element);
        for (size_t group = 0; group < groups; ++group) to[group].mutable_data<T>()[i] = static_cast<T>(element[group]);
      }
    });
    for (size_t group = 0; group < groups; ++group) {
      if (group == 1) continue;
      const size_t output = (group == 0 ? 0 : group - 1) * count + k;
      if (context.wants_output(output)) context.set_output(output, std::move(to[group]));
    }
  }
}

}  // namespace kiln::ops
