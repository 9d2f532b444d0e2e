#include <algorithm>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/scan_output.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText scan_versions[] = {
    {8, "sequence_lens?:I initial_state_and_scan_inputs~:V -> final_state_and_scan_outputs~:V",
     "body!:graph directions:ints num_scan_inputs!:int", "I=i64 V=basic"},
    {9, "initial_state_and_scan_inputs~:V -> final_state_and_scan_outputs~:V",
     "body!:graph num_scan_inputs!:int scan_input_axes:ints scan_input_directions:ints scan_output_axes:ints "
     "scan_output_directions:ints",
     "V=basic"},
    {11, "initial_state_and_scan_inputs~:V -> final_state_and_scan_outputs~:V",
     "body!:graph num_scan_inputs!:int scan_input_axes:ints scan_input_directions:ints scan_output_axes:ints "
     "scan_output_directions:ints",
     "V=basic"},
    {16, "initial_state_and_scan_inputs~:V -> final_state_and_scan_outputs~:V",
     "body!:graph num_scan_inputs!:int scan_input_axes:ints scan_input_directions:ints scan_output_axes:ints "
     "scan_output_directions:ints",
     "V=basic,bf16"},
    {19, "initial_state_and_scan_inputs~:V -> final_state_and_scan_outputs~:V",
     "body!:graph num_scan_inputs!:int scan_input_axes:ints scan_input_directions:ints scan_output_axes:ints "
     "scan_output_directions:ints",
     "V=basic,float8,bf16"},
    {21, "initial_state_and_scan_inputs~:V -> final_state_and_scan_outputs~:V",
     "body!:graph num_scan_inputs!:int scan_input_axes:ints scan_input_directions:ints scan_output_axes:ints "
     "scan_output_directions:ints",
     "V=basic,float8,bf16,u4,i4"},
    {23, "initial_state_and_scan_inputs~:V -> final_state_and_scan_outputs~:V",
     "body!:graph num_scan_inputs!:int scan_input_axes:ints scan_input_directions:ints scan_output_axes:ints "
     "scan_output_directions:ints",
     "V=basic,float8,bf16,u4,i4,f4e2m1"},
    {24, "initial_state_and_scan_inputs~:V -> final_state_and_scan_outputs~:V",
     "body!:graph num_scan_inputs!:int scan_input_axes:ints scan_input_directions:ints scan_output_axes:ints "
     "scan_output_directions:ints",
     "V=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0"},
    {25, "initial_state_and_scan_inputs~:V -> final_state_and_scan_outputs~:V",
     "body!:graph num_scan_inputs!:int scan_input_axes:ints scan_input_directions:ints scan_output_axes:ints "
     "scan_output_directions:ints",
     "V=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2"},
};

/// What the attributes say of a Scan, in the terms of version 9 and later.
struct Layout {
  size_t first = 0;  ///< the node's first state variable among its inputs
  size_t states = 0;
  size_t scan_inputs = 0;
  size_t scan_outputs = 0;
  bool batched = false;  ///< version 8: axis 0 of everything is the batch
  std::vector<int64_t> input_axes, output_axes;
  std::vector<bool> input_reversed, output_reversed;
};

std::vector<bool> read_directions(const NodeView& node, const char* name, size_t count) {
  std::vector<bool> reversed(count, false);
  const auto given = node.attr_ints(name);
  if (!given.empty() && given.size() != count) {
    fail(ErrorCode::invalid_model, "attribute '{}' names {} directions for {} tensors", name, given.size(), count);
  }
  for (size_t i = 0; i < given.size(); ++i) {
    if (given[i] != 0 && given[i] != 1) {
      fail(ErrorCode::invalid_model, "attribute '{}' must hold 0 or 1, found {}", name, given[i]);
    }
    reversed[i] = given[i] == 1;
  }
  return reversed;
}

std::vector<int64_t> read_axes(const NodeView& node, const char* name, size_t count) {
  const auto given = node.attr_ints(name);
  if (given.empty()) return std::vector<int64_t>(count, 0);
  if (given.size() != count) {
    fail(ErrorCode::invalid_model, "attribute '{}' names {} axes for {} tensors", name, given.size(), count);
  }
  return {given.begin(), given.end()};
}

Layout read_layout(const NodeView& node, size_t inputs) {
  Layout layout;
  layout.batched = node.version() < 9;
  layout.first = layout.batched ? 1 : 0;
  const int64_t scan_inputs = node.attr_int("num_scan_inputs");
  if (inputs < layout.first || scan_inputs < 1 || static_cast<size_t>(scan_inputs) > inputs - layout.first) {
    fail(ErrorCode::invalid_model, "num_scan_inputs is {}, but the node has {} inputs", scan_inputs, inputs);
  }
  layout.scan_inputs = static_cast<size_t>(scan_inputs);
  layout.states = inputs - layout.first - layout.scan_inputs;
  const size_t outputs = node.node().outputs.size();
  const Graph& body = node.attr_graph("body");
  if (outputs < layout.states || body.outputs.size() != outputs ||
      body.inputs.size() != layout.states + layout.scan_inputs) {
    fail(ErrorCode::invalid_model,
         "the body has {} inputs and {} outputs; {} states, {} scan inputs and {} outputs of "
         "the node do not fit it",
         body.inputs.size(), body.outputs.size(), layout.states, layout.scan_inputs, outputs);
  }
  layout.scan_outputs = outputs - layout.states;
  if (layout.batched) {
    layout.input_axes.assign(layout.scan_inputs, 0);
    layout.output_axes.assign(layout.scan_outputs, 0);
    layout.input_reversed = read_directions(node, "directions", layout.scan_inputs);
    layout.output_reversed.assign(layout.scan_outputs, false);
  } else {
    layout.input_axes = read_axes(node, "scan_input_axes", layout.scan_inputs);
    layout.output_axes = read_axes(node, "scan_output_axes", layout.scan_outputs);
    layout.input_reversed = read_directions(node, "scan_input_directions", layout.scan_inputs);
    layout.output_reversed = read_directions(node, "scan_output_directions", layout.scan_outputs);
  }
  return layout;
}

/// Takes the dim at `axis` out of a type and merges it into `dim`.
Type drop_dim(Type type, int64_t axis, Dim& dim, const char* what) {
  if (!type.shape) return type;
  const auto at = normalize_axis(axis, static_cast<int64_t>(type.shape->size()), "scan axis");
  dim = merge_dims(dim, (*type.shape)[static_cast<size_t>(at)], what);
  type.shape->erase(type.shape->begin() + at);
  type.dim_denotations.clear();
  return type;
}

void infer_scan(InferContext& c) {
  const Layout layout = read_layout(c, c.input_count());
  Dim batch, length;
  std::vector<Type> types;
  for (size_t i = 0; i < layout.states + layout.scan_inputs; ++i) {
    Type type = c.type(layout.first + i);
    if (type.is_known() && !type.is_tensor()) {
      fail(ErrorCode::invalid_model, "input {} must be a tensor, found {}", layout.first + i, type.str());
    }
    if (layout.batched) type = drop_dim(std::move(type), 0, batch, "batch sizes");
    if (i >= layout.states) {
      type = drop_dim(std::move(type), layout.input_axes[i - layout.states], length, "lengths of the scan inputs");
    }
    types.push_back(std::move(type));
  }
  const std::vector<Type> results = c.infer_graph("body", types);
  for (size_t i = 0; i < c.output_count(); ++i) {
    Type type = i < layout.states ? unify(types[i], results[i]) : results[i];
    if (!type.is_known()) continue;
    if (!type.is_tensor()) fail(ErrorCode::invalid_model, "output {} of the body is {}, not a tensor", i, type.str());
    if (type.shape && i >= layout.states) {
      const int64_t rank = static_cast<int64_t>(type.shape->size()) + 1;
      const int64_t axis = normalize_axis(layout.output_axes[i - layout.states], rank, "scan output axis");
      type.shape->insert(type.shape->begin() + axis, length);
    }
    if (type.shape && layout.batched) type.shape->insert(type.shape->begin(), batch);
    type.dim_denotations.clear();
    c.set_output(i, std::move(type));
  }
}

int64_t common_extent(const std::vector<Tensor>& tensors, const std::vector<int64_t>& axes) {
  int64_t extent = -1;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const int64_t found = tensors[i].dim(normalize_axis(axes[i], tensors[i].rank(), "scan input axis"));
    if (extent >= 0 && found != extent) {
      fail(ErrorCode::invalid_argument, "scan input {} has {} elements along its axis, the first one {}", i, found,
           extent);
    }
    extent = found;
  }
  return extent;
}

/// Runs the body over `turns` elements: `states` go in as the first ones and come out as the last ones.
void scan(EvalContext& c, const Layout& layout, std::vector<Tensor>& states, const std::vector<Tensor>& inputs,
          int64_t turns, std::vector<ScanOutput>& outputs) {
  const Graph& body = c.attr_graph("body");
  std::vector<Value> arguments(layout.states + layout.scan_inputs);
  for (int64_t turn = 0; turn < turns; ++turn) {
    c.host().check_cancelled();
    for (size_t i = 0; i < layout.states; ++i) arguments[i] = states[i];
    for (size_t i = 0; i < layout.scan_inputs; ++i) {
      const int64_t axis = normalize_axis(layout.input_axes[i], inputs[i].rank());
      const int64_t at = layout.input_reversed[i] ? turns - 1 - turn : turn;
      arguments[layout.states + i] = slice_at(c.host(), inputs[i], axis, at);
    }
    const std::vector<Value> results = c.host().run_graph(body, arguments);
    for (size_t i = 0; i < layout.states; ++i) {
      const Tensor& next = results[i].tensor();
      if (next.dtype() != states[i].dtype() || next.shape() != states[i].shape()) {
        fail(ErrorCode::invalid_argument, "state {} must keep its type and shape, but {} {} became {} {}", i,
             dtype_name(states[i].dtype()), to_string(states[i].shape()), dtype_name(next.dtype()),
             to_string(next.shape()));
      }
      states[i] = next;
    }
    for (size_t i = 0; i < layout.scan_outputs; ++i) outputs[i].add(results[layout.states + i].tensor());
  }
}

std::vector<ScanOutput> collectors(EvalContext& c, size_t count) {
  std::vector<ScanOutput> outputs;
  for (size_t i = 0; i < count; ++i) outputs.emplace_back(c.host());
  return outputs;
}

std::vector<Type> body_types(EvalContext& c, const Layout& layout, const std::vector<Shape>& shapes) {
  std::vector<Value> arguments;
  for (size_t i = 0; i < shapes.size(); ++i) {
    arguments.emplace_back(Tensor(c.input(layout.first + i).dtype(), shapes[i]));
  }
  return c.host().infer_graph(c.attr_graph("body"), arguments);
}

void eval_unbatched(EvalContext& c, const Layout& layout) {
  std::vector<Tensor> states, inputs;
  for (size_t i = 0; i < layout.states; ++i) states.push_back(c.input(i));
  for (size_t i = 0; i < layout.scan_inputs; ++i) inputs.push_back(c.input(layout.states + i));
  const int64_t turns = common_extent(inputs, layout.input_axes);
  std::vector<ScanOutput> outputs = collectors(c, layout.scan_outputs);
  scan(c, layout, states, inputs, turns, outputs);
  std::vector<Type> types;
  if (turns == 0) {
    std::vector<Shape> shapes;
    for (const Tensor& state : states) shapes.push_back(state.shape());
    for (size_t i = 0; i < inputs.size(); ++i) {
      shapes.push_back(inputs[i].shape());
      shapes.back().erase(shapes.back().begin() + normalize_axis(layout.input_axes[i], inputs[i].rank()));
    }
    types = body_types(c, layout, shapes);
  }
  for (size_t i = 0; i < c.output_count(); ++i) {
    if (!c.wants_output(i)) continue;
    if (i < layout.states) {
      c.set_output(i, states[i]);
      continue;
    }
    const size_t k = i - layout.states;
    c.set_output(i, turns == 0 ? empty_scan_output(types[i], {0}, layout.output_axes[k])
                               : outputs[k].stack(layout.output_axes[k], layout.output_reversed[k]));
  }
}

/// `tensor` [turns, ...] made [length, ...]; what no turn has written is zero.
Tensor pad_turns(EvalContext& c, const Tensor& tensor, int64_t length) {
  if (tensor.dim(0) == length) return tensor;
  Shape shape = tensor.shape();
  shape[0] = length;
  Tensor padded = c.host().allocate(tensor.dtype(), shape);
  dispatch_by_size(tensor.dtype(), [&]<class T>() {
    T* to = static_cast<T*>(padded.mutable_raw());
    std::copy_n(static_cast<const T*>(tensor.raw()), tensor.size(), to);
    std::fill(to + tensor.size(), to + padded.size(), T());
  });
  return padded;
}

/// Version 8: each element of the batch is scanned on its own, over its own length.
void eval_batched(EvalContext& c, const Layout& layout) {
  const size_t arguments = layout.states + layout.scan_inputs;
  std::vector<Tensor> all;
  for (size_t i = 0; i < arguments; ++i) all.push_back(c.input(layout.first + i));
  const int64_t batch = common_extent(all, std::vector<int64_t>(arguments, 0));
  const std::vector<Tensor> scanned(all.begin() + static_cast<std::ptrdiff_t>(layout.states), all.end());
  const int64_t length = common_extent(scanned, std::vector<int64_t>(layout.scan_inputs, 1));
  std::vector<int64_t> lengths(static_cast<size_t>(batch), length);
  if (c.has_input(0)) {
    lengths = c.input_ints(0);
    if (static_cast<int64_t>(lengths.size()) != batch) {
      fail(ErrorCode::invalid_argument, "sequence_lens has {} elements for a batch of {}", lengths.size(), batch);
    }
  }
  std::vector<Shape> shapes;
  for (size_t i = 0; i < arguments; ++i) {
    const Shape& shape = all[i].shape();
    shapes.emplace_back(shape.begin() + (i < layout.states ? 1 : 2), shape.end());
  }
  std::vector<Type> types;
  const auto type_of_output = [&](size_t i) {
    if (types.empty()) types = body_types(c, layout, shapes);
    return types[i];
  };

  std::vector<ScanOutput> results = collectors(c, c.output_count());
  for (int64_t b = 0; b < batch; ++b) {
    const int64_t turns = lengths[static_cast<size_t>(b)];
    if (turns < 0 || turns > length) {
      fail(ErrorCode::invalid_argument, "sequence_lens[{}] is {}, expected 0 to {}", b, turns, length);
    }
    std::vector<Tensor> states, inputs;
    for (size_t i = 0; i < layout.states; ++i) states.push_back(slice_at(c.host(), all[i], 0, b));
    for (const Tensor& tensor : scanned) inputs.push_back(slice_at(c.host(), tensor, 0, b));
    std::vector<ScanOutput> outputs = collectors(c, layout.scan_outputs);
    scan(c, layout, states, inputs, turns, outputs);
    for (size_t i = 0; i < layout.states; ++i) results[i].add(states[i]);
    for (size_t k = 0; k < layout.scan_outputs; ++k) {
      const Tensor stacked =
          turns == 0 ? empty_scan_output(type_of_output(layout.states + k), {0}, 0) : outputs[k].stack(0, false);
      results[layout.states + k].add(pad_turns(c, stacked, length));
    }
  }
  for (size_t i = 0; i < c.output_count(); ++i) {
    if (!c.wants_output(i)) continue;
    if (batch > 0) {
      c.set_output(i, results[i].stack(0, false));
    } else {
      c.set_output(i, empty_scan_output(type_of_output(i), i < layout.states ? Shape{0} : Shape{0, length}, 0));
    }
  }
}

void eval_scan(EvalContext& c) {
  const Layout layout = read_layout(c, c.input_count());
  if (layout.batched) return eval_batched(c, layout);
  eval_unbatched(c, layout);
}

}  // namespace

extern const OpDef scan_op{"", "Scan", scan_versions, infer_scan, eval_scan};

}  // namespace kiln::ops
