#include "kiln/plugin.h"

#include <dlfcn.h>

#include <mutex>
#include <set>

#include "base/error.hpp"
#include "kiln/custom_op.hpp"
#include "ops/context.hpp"
#include "ops/custom.hpp"

/// The operators of a plugin while it registers them.
struct kiln_registry {
  std::vector<kiln::CustomOpDef> ops;
  std::string error;
};

/// One of the two is there.
struct kiln_op_call {
  kiln::EvalContext* run = nullptr;
  kiln::InferContext* infer = nullptr;
  std::string error = {};
  kiln::Shape dims = {};                    ///< those of the input that was asked for last, in `infer`
  std::vector<kiln::Tensor*> written = {};  ///< the outputs that `run` has asked memory for

  const kiln::NodeView& node() const {
    return run ? static_cast<const kiln::NodeView&>(*run) : static_cast<const kiln::NodeView&>(*infer);
  }
};

namespace kiln {
namespace {

/// What Kiln throws must not go through a plugin's C: it is kept as the call's failure.
template <class Body>
auto guard(kiln_op_call* call, Body&& body) noexcept -> decltype(body()) {
  try {
    return body();
  } catch (const std::exception& error) {
    if (call->error.empty()) call->error = error.what();
    return {};
  }
}

/// Looking at an input or an attribute changes nothing that the plugin sees.
kiln_op_call* writable(const kiln_op_call* call) { return const_cast<kiln_op_call*>(call); }

void describe(const Tensor& tensor, kiln_op_tensor* to) {
  *to = {static_cast<int32_t>(tensor.dtype()), static_cast<int32_t>(tensor.rank()), tensor.shape().data(),
         static_cast<size_t>(tensor.size()), tensor.dtype() == DType::string ? nullptr : tensor.raw()};
}

bool input(const kiln_op_call* call, size_t index, kiln_op_tensor* to) {
  return guard(writable(call), [&] {
    if (call->run) {
      if (!call->run->has_input(index) || !call->run->value(index).is_tensor()) return false;
      describe(call->run->input(index), to);
      return true;
    }
    if (!call->infer->has_input(index)) return false;
    Shape& dims = writable(call)->dims;
    dims.clear();
    const SymShape* const shape = call->infer->shape(index);
    for (size_t i = 0; shape && i < shape->size(); ++i) {
      dims.push_back((*shape)[i].is_known() ? (*shape)[i].value() : -1);
    }
    *to = {static_cast<int32_t>(call->infer->dtype(index)), shape ? static_cast<int32_t>(shape->size()) : -1,
           dims.data(), 0, nullptr};
    return true;
  });
}

const char* input_string(const kiln_op_call* call, size_t index, size_t element, size_t* length) {
  return guard(writable(call), [&]() -> const char* {
    if (!call->run || !call->run->has_input(index)) return nullptr;
    const Tensor& tensor = call->run->input(index);
    if (tensor.dtype() != DType::string || element >= static_cast<size_t>(tensor.size())) return nullptr;
    const std::string& text = tensor.elements<std::string>()[element];
    if (length) *length = text.size();
    return text.c_str();
  });
}

/// The attribute of a node, or the schema's default, where it is of this type.
template <class T>
const T* attribute(const kiln_op_call* call, const char* name) {
  const Attribute* found = call->node().node().find_attribute(name);
  if (!found) {
    const AttributeDef* const stated = call->node().schema().find_attribute(name);
    found = stated ? &stated->default_value : nullptr;
  }
  return found ? std::get_if<T>(&found->data) : nullptr;
}

template <class T>
bool plain_attribute(const kiln_op_call* call, const char* name, T* value) {
  const T* const found = attribute<T>(call, name);
  if (found) *value = *found;
  return found != nullptr;
}

template <class T>
bool list_attribute(const kiln_op_call* call, const char* name, const T** values, size_t* count) {
  const auto* const found = attribute<std::vector<T>>(call, name);
  if (!found) return false;
  *values = found->data();
  *count = found->size();
  return true;
}

bool string_attribute(const kiln_op_call* call, const char* name, const char** text, size_t* length) {
  const auto* const found = attribute<std::string>(call, name);
  if (!found) return false;
  *text = found->c_str();
  if (length) *length = found->size();
  return true;
}

bool tensor_attribute(const kiln_op_call* call, const char* name, kiln_op_tensor* tensor) {
  const auto* const found = attribute<Tensor>(call, name);
  if (found) describe(*found, tensor);
  return found != nullptr;
}

DType dtype_of(const kiln_op_call* call, int32_t number) {
  if (number > 0 && number < kDTypeCount) return static_cast<DType>(number);
  fail(ErrorCode::invalid_argument, "{}: {} is no element type", call->node().node().op_type, number);
}

bool set_type(kiln_op_call* call, size_t index, int32_t dtype, const int64_t* dims, int32_t rank) {
  return guard(call, [&] {
    if (!call->infer || index >= call->infer->output_count()) return false;
    std::optional<SymShape> shape;
    if (rank >= 0) shape.emplace();
    for (int32_t i = 0; i < rank; ++i) shape->push_back(dims[i] >= 0 ? Dim(dims[i]) : Dim());
    call->infer->set_output(index, dtype_of(call, dtype), std::move(shape));
    return true;
  });
}

bool set_type_like(kiln_op_call* call, size_t index, size_t input) {
  return guard(call, [&] {
    if (!call->infer || index >= call->infer->output_count() || !call->infer->has_input(input)) return false;
    call->infer->set_output(index, call->infer->type(input));
    return true;
  });
}

void* output(kiln_op_call* call, size_t index, int32_t dtype, const int64_t* dims, int32_t rank) {
  return guard(call, [&]() -> void* {
    if (!call->run || index >= call->run->output_count()) {
      fail(ErrorCode::invalid_argument, "there is no output {} to write", index);
    }
    if (rank < 0) fail(ErrorCode::invalid_argument, "output {}: its rank cannot be {}", index, rank);
    Shape shape(dims, dims + rank);
    element_count(shape);
    Tensor& tensor = call->run->output(index, dtype_of(call, dtype), std::move(shape));
    call->written.resize(call->run->output_count());
    call->written[index] = &tensor;
    return tensor.mutable_raw();
  });
}

bool set_string(kiln_op_call* call, size_t index, size_t element, const char* text, size_t length) {
  return guard(call, [&] {
    Tensor* const tensor = index < call->written.size() ? call->written[index] : nullptr;
    if (!tensor || tensor->dtype() != DType::string || element >= static_cast<size_t>(tensor->size())) return false;
    tensor->mutable_data<std::string>()[element].assign(text, length);
    return true;
  });
}

void parallel_for(kiln_op_call* call, int64_t count, int64_t grain, void (*body)(void*, int64_t, int64_t),
                  void* argument) {
  guard(call, [&] {
    if (call->run)
      call->run->parallel_for(count, grain, [&](int64_t begin, int64_t end) { body(argument, begin, end); });
    return true;
  });
}

int fail_call(kiln_op_call* call, const char* message) {
  guard(call, [&] {
    call->error = message;
    return true;
  });
  return 1;
}

std::string text_or_none(const char* text) { return text ? text : ""; }

/// Runs one function of an operator.
void call_plugin(const kiln_plugin_api& api, int (*function)(const kiln_plugin_api*, kiln_op_call*, void*), void* user,
                 kiln_op_call& call) {
  const int status = function(&api, &call, user);
  if (status == 0 && call.error.empty()) return;
  fail(ErrorCode::invalid_data, "{}",
       call.error.empty() ? fmt::format("its plugin failed with {}", status) : call.error);
}

int add_op(kiln_registry* registry, const kiln_op* op);

constexpr kiln_plugin_api table = {
    .version = KILN_PLUGIN_VERSION,
    .add_op = add_op,
    .input_count = [](const kiln_op_call* call) { return call->node().node().inputs.size(); },
    .output_count = [](const kiln_op_call* call) { return call->node().node().outputs.size(); },
    .input = input,
    .input_string = input_string,
    .attr_int = plain_attribute<int64_t>,
    .attr_float = plain_attribute<float>,
    .attr_string = string_attribute,
    .attr_ints = list_attribute<int64_t>,
    .attr_floats = list_attribute<float>,
    .attr_tensor = tensor_attribute,
    .set_type = set_type,
    .set_type_like = set_type_like,
    .output = output,
    .set_string = set_string,
    .parallel_for = parallel_for,
    .fail = fail_call,
};

void run(const kiln_op& op, EvalContext& context) {
  kiln_op_call call{.run = &context};
  call_plugin(table, op.run, op.user, call);
  call.written.resize(context.output_count());
  for (size_t i = 0; i < context.output_count(); ++i) {
    if (context.wants_output(i) && !call.written[i]) fail(ErrorCode::invalid_data, "its plugin gave no output {}", i);
  }
}

void infer(const kiln_op& op, InferContext& context) {
  kiln_op_call call{.infer = &context};
  call_plugin(table, op.infer, op.user, call);
}

int add_op(kiln_registry* registry, const kiln_op* given) {
  try {
    if (given->struct_size < sizeof(kiln_op)) {
      fail(ErrorCode::invalid_argument, "an operator's struct_size is {}, expected {}", given->struct_size,
           sizeof(kiln_op));
    }
    const kiln_op op = *given;  // its texts are read here only
    CustomOpDef definition{.domain = text_or_none(op.domain), .name = text_or_none(op.name), .since = op.since};
    definition.signature = text_or_none(op.signature);
    definition.attributes = text_or_none(op.attributes);
    definition.types = text_or_none(op.types);
    if (op.run) definition.eval = [op](EvalContext& context) { run(op, context); };
    if (op.infer) definition.infer = [op](InferContext& context) { infer(op, context); };
    registry->ops.push_back(std::move(definition));
    return 0;
  } catch (const std::exception& error) {
    registry->error = error.what();
    return 1;
  }
}

using Register = int (*)(const kiln_plugin_api*, kiln_registry*);

Register entry_of(void* library, const std::string& path) {
  if (void* const found = dlsym(library, "kiln_plugin_register")) return reinterpret_cast<Register>(found);
  const bool is_foreign = dlsym(library, "RegisterCustomOps") != nullptr;
  fail(ErrorCode::unsupported, "{}: it has no function kiln_plugin_register{}", path,
       is_foreign
           ? "; its operators are made for ONNX Runtime's own C interface, and have to be built with kiln/plugin.h"
           : " (kiln/plugin.h)");
}

}  // namespace

void load_plugin(const std::string& path) {
  static std::mutex mutex;
  static std::set<void*> loaded;
  const std::scoped_lock lock(mutex);
  // A name without a slash is a file here, too, not one of the system's libraries.
  const std::string file = path.find('/') == std::string::npos ? "./" + path : path;
  void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) fail(ErrorCode::not_found, "the plugin cannot be loaded: {}", dlerror());
  if (loaded.contains(library)) {
    dlclose(library);
    return;
  }
  kiln_registry registry;
  const int status = entry_of(library, path)(&table, &registry);
  if (status != 0 || !registry.error.empty()) {
    fail(ErrorCode::invalid_argument, "plugin {}: {}", path,
         registry.error.empty() ? fmt::format("its registration failed with {}", status) : registry.error);
  }
  with_place(
      [&] {
        for (CustomOpDef& op : registry.ops) register_custom_op(std::move(op));
      },
      [&] { return "plugin " + path; });
  loaded.insert(library);
}

}  // namespace kiln
