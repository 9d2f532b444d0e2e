#include "kiln/kiln.h"

#include <cstring>
#include <new>
#include <optional>

#include "api/all_knobs.hpp"
#include "base/error.hpp"
#include "kiln/kiln.hpp"

struct kiln_model {
  std::optional<kiln::Model> model;
};
struct kiln_engine {
  kiln::Engine engine;
};
struct kiln_session {
  kiln::Session session;
};
struct kiln_value {
  kiln::Value value;
  bool owns_elements = false;  ///< made here, so that the caller may write to them until they are shared
};
struct kiln_cancel {
  std::atomic<bool> stop{false};
};

namespace kiln {
namespace {

thread_local std::string last_error;

kiln_status failed(ErrorCode code, const char* message) noexcept {
  try {
    last_error = message;
  } catch (...) {
    last_error.clear();
  }
  return static_cast<kiln_status>(code);
}

/// Runs what a function of the ABI does; whatever it throws ends here as a status.
template <class Body>
kiln_status guard(Body&& body) noexcept {
  try {
    body();
    return KILN_OK;
  } catch (const Error& error) {
    return failed(error.code(), error.what());
  } catch (const std::bad_alloc&) {
    return failed(ErrorCode::out_of_memory, "out of memory");
  } catch (const std::exception& error) {
    return failed(ErrorCode::internal, error.what());
  } catch (...) {
    return failed(ErrorCode::internal, "an unknown exception");
  }
}

template <class T>
T& checked(T* pointer, const char* name) {
  if (!pointer) fail(ErrorCode::invalid_argument, "{} is null", name);
  return *pointer;
}

/// Hands a new object to the caller. Nothing is made where there is no place for it.
template <class T>
void give(T** out, T object) {
  checked(out, "the place for the result");
  *out = new T(std::move(object));
}
void give_value(kiln_value** out, Value value) { give(out, kiln_value{std::move(value)}); }

Shape shape_of(const int64_t* dims, size_t rank) {
  if (rank > 0) checked(dims, "dims");
  Shape shape(dims, dims + rank);
  element_count(shape);
  return shape;
}

DType dtype_of_number(kiln_dtype number) {
  if (number <= KILN_UNDEFINED || number >= kDTypeCount) {
    fail(ErrorCode::invalid_argument, "{} is no element type", static_cast<int>(number));
  }
  return static_cast<DType>(number);
}

const Tensor& tensor_of(const kiln_value* value) { return checked(value, "the tensor").value.tensor(); }

const Tensor& plain_tensor_of(const kiln_value* value) {
  const Tensor& tensor = tensor_of(value);
  if (tensor.dtype() == DType::string) {
    fail(ErrorCode::invalid_argument, "strings are read one by one, with kiln_tensor_string");
  }
  return tensor;
}

const kiln_port* port_at(const std::vector<PortInfo>& ports, size_t index) {
  return index < ports.size() ? reinterpret_cast<const kiln_port*>(&ports[index]) : nullptr;
}
const PortInfo& info_of(const kiln_port* port) { return *reinterpret_cast<const PortInfo*>(port); }

std::vector<Value> run(kiln_session& session, const char* const* input_names, const kiln_value* const* inputs,
                       size_t input_count, const char* const* output_names, size_t output_count,
                       const kiln_cancel* cancel) {
  if (input_count > 0) {
    checked(input_names, "input_names");
    checked(inputs, "inputs");
  }
  Session::Feeds feeds;
  for (size_t i = 0; i < input_count; ++i) {
    feeds.emplace_back(&checked(input_names[i], "an input's name"), checked(inputs[i], "an input").value);
  }
  std::vector<std::string> wanted;
  const size_t available = session.session.outputs().size();
  if (!output_names && output_count != available) {
    fail(ErrorCode::invalid_argument, "there is room for {} outputs, expected {}", output_count, available);
  }
  for (size_t i = 0; output_names && i < output_count; ++i) {
    wanted.emplace_back(&checked(output_names[i], "an output's name"));
  }
  // The C++ function takes no names as a wish for all outputs.
  if (output_names && output_count == 0) return {};
  return session.session.run(feeds, wanted, {.cancel = cancel ? &cancel->stop : nullptr});
}

Model take_model(kiln_model* model) {
  std::optional<Model>& source = checked(model, "model").model;
  if (!source) fail(ErrorCode::invalid_argument, "the model has been moved into a session or an engine already");
  std::optional<Model> taken;
  taken.swap(source);
  return std::move(*taken);
}

}  // namespace
}  // namespace kiln

using namespace kiln;

const char* kiln_version(void) { return version().data(); }
const char* kiln_last_error(void) { return last_error.c_str(); }
const char* kiln_status_name(kiln_status status) {
  return status == KILN_OK ? "ok" : error_code_name(static_cast<ErrorCode>(status)).data();
}

kiln_status kiln_set_threads(int count) {
  return guard([&] { set_threads(count); });
}
int kiln_threads(void) {
  int count = 1;
  guard([&] { count = threads(); });
  return count;
}
kiln_status kiln_set_knob(const char* name, const char* value) {
  return guard([&] { find_knob(all_knobs(), &checked(name, "name")).set_text(&checked(value, "value")); });
}
kiln_status kiln_load_plugin(const char* path) {
  return guard([&] { load_plugin(&checked(path, "path")); });
}

kiln_status kiln_model_load(const char* path, kiln_model** model) {
  return guard([&] { give(model, kiln_model{Model::load(&checked(path, "path"))}); });
}
kiln_status kiln_model_from_memory(const void* bytes, size_t size, kiln_model** model) {
  return guard([&] {
    const auto* begin = static_cast<const std::byte*>(bytes);
    if (size > 0) checked(begin, "bytes");
    give(model, kiln_model{Model::from_memory({begin, size})});
  });
}
void kiln_model_free(kiln_model* model) { delete model; }

kiln_status kiln_engine_build(kiln_model* model, const char* const* option_names, const char* const* option_values,
                              size_t option_count, kiln_engine** engine) {
  return guard([&] {
    checked(engine, "the place for the result");
    BuildOptions options;
    if (option_count > 0) {
      checked(option_names, "option_names");
      checked(option_values, "option_values");
    }
    for (size_t i = 0; i < option_count; ++i) {
      set_build_option(options, &checked(option_names[i], "an option's name"),
                       &checked(option_values[i], "an option's value"));
    }
    give(engine, kiln_engine{Engine::build(take_model(model), options)});
  });
}
kiln_status kiln_engine_load(const char* path, bool verify_weights, kiln_engine** engine) {
  return guard([&] {
    checked(engine, "the place for the result");
    give(engine, kiln_engine{Engine::load(&checked(path, "path"), {.verify_weights = verify_weights})});
  });
}
kiln_status kiln_engine_save(const kiln_engine* engine, const char* path, bool strip) {
  return guard([&] { checked(engine, "engine").engine.save(&checked(path, "path"), {.strip = strip}); });
}
void kiln_engine_free(kiln_engine* engine) { delete engine; }

kiln_status kiln_session_of_engine(const kiln_engine* engine, uint64_t seed, kiln_session** session) {
  return guard([&] {
    checked(session, "the place for the result");
    give(session, kiln_session{Session(checked(engine, "engine").engine, {.seed = seed})});
  });
}

kiln_status kiln_session_create(kiln_model* model, uint64_t seed, kiln_session** session) {
  return guard([&] {
    checked(session, "the place for the result");
    give(session, kiln_session{Session(take_model(model), {.seed = seed})});
  });
}
kiln_status kiln_session_load(const char* path, kiln_session** session) {
  return guard([&] {
    checked(session, "the place for the result");
    give(session, kiln_session{Session::load(&checked(path, "path"))});
  });
}
void kiln_session_free(kiln_session* session) { delete session; }

size_t kiln_session_input_count(const kiln_session* session) { return session->session.inputs().size(); }
size_t kiln_session_output_count(const kiln_session* session) { return session->session.outputs().size(); }
const kiln_port* kiln_session_input(const kiln_session* session, size_t index) {
  return port_at(session->session.inputs(), index);
}
const kiln_port* kiln_session_output(const kiln_session* session, size_t index) {
  return port_at(session->session.outputs(), index);
}

const char* kiln_port_name(const kiln_port* port) { return info_of(port).name.c_str(); }
const char* kiln_port_type(const kiln_port* port) { return info_of(port).type.c_str(); }
kiln_dtype kiln_port_dtype(const kiln_port* port) { return static_cast<kiln_dtype>(info_of(port).dtype); }
int64_t kiln_port_rank(const kiln_port* port) {
  return info_of(port).has_shape ? static_cast<int64_t>(info_of(port).shape.size()) : -1;
}
int64_t kiln_port_dim(const kiln_port* port, size_t axis) {
  const auto& shape = info_of(port).shape;
  return axis < shape.size() ? shape[axis].value : -1;
}
const char* kiln_port_symbol(const kiln_port* port, size_t axis) {
  const auto& shape = info_of(port).shape;
  return axis < shape.size() ? shape[axis].symbol.c_str() : "";
}
bool kiln_port_optional(const kiln_port* port) { return info_of(port).optional; }

kiln_status kiln_session_run(kiln_session* session, const char* const* input_names, const kiln_value* const* inputs,
                             size_t input_count, const char* const* output_names, size_t output_count,
                             kiln_value** outputs, const kiln_cancel* cancel) {
  return guard([&] {
    if (output_count > 0) checked(outputs, "outputs");
    std::vector<Value> results =
        run(checked(session, "session"), input_names, inputs, input_count, output_names, output_count, cancel);
    std::vector<std::unique_ptr<kiln_value>> made;
    for (Value& result : results) made.push_back(std::make_unique<kiln_value>(kiln_value{std::move(result)}));
    for (size_t i = 0; i < made.size(); ++i) outputs[i] = made[i].release();
  });
}
kiln_status kiln_session_set_max_memory(kiln_session* session, int64_t bytes) {
  return guard([&] { checked(session, "session").session.set_max_memory(bytes); });
}
kiln_status kiln_session_memory(const kiln_session* session, kiln_memory* memory) {
  return guard([&] {
    checked(memory, "the place for the result");
    const SessionMemory held = checked(session, "session").session.memory();
    *memory = {.weights = held.weight_bytes,
               .packed = held.packed_bytes,
               .arena = held.arena_bytes,
               .scratch = held.latest.scratch_bytes,
               .plans = held.plan_bytes,
               .plan_count = held.plans,
               .kept = held.kept_bytes};
  });
}
kiln_status kiln_session_trim(kiln_session* session) {
  return guard([&] { checked(session, "session").session.trim(); });
}

kiln_status kiln_cancel_create(kiln_cancel** cancel) {
  return guard([&] { checked(cancel, "the place for the result") = new kiln_cancel(); });
}
void kiln_cancel_set(kiln_cancel* cancel, bool stop) { cancel->stop = stop; }
void kiln_cancel_free(kiln_cancel* cancel) { delete cancel; }

kiln_kind kiln_value_kind(const kiln_value* value) {
  const Value& content = value->value;
  if (content.is_tensor()) return KILN_TENSOR;
  if (content.is_sparse()) return KILN_SPARSE;
  if (content.is_sequence()) return KILN_SEQUENCE;
  if (content.is_map()) return KILN_MAP;
  return KILN_NONE;
}
void kiln_value_free(kiln_value* value) { delete value; }

kiln_status kiln_tensor_create(kiln_dtype dtype, const int64_t* dims, size_t rank, kiln_value** tensor) {
  return guard([&] {
    Tensor made(dtype_of_number(dtype), shape_of(dims, rank));
    if (made.dtype() != DType::string && made.bytes() > 0) std::memset(made.mutable_raw(), 0, made.bytes());
    give(tensor, kiln_value{std::move(made), true});
  });
}
kiln_status kiln_tensor_borrow(kiln_dtype dtype, const int64_t* dims, size_t rank, const void* data, size_t size,
                               void (*release)(void* owner), void* owner, kiln_value** tensor) {
  return guard([&] {
    const DType type = dtype_of_number(dtype);
    if (type == DType::string) fail(ErrorCode::invalid_argument, "strings cannot be borrowed");
    if (size > 0) checked(static_cast<const char*>(data), "data");
    checked(tensor, "the place for the result");
    // Until all is well the elements stay the caller's.
    struct Keeper {
      void (*release)(void*) = nullptr;
      void* owner = nullptr;
      ~Keeper() {
        if (release) release(owner);
      }
    };
    auto keeper = std::make_shared<Keeper>();
    give_value(tensor, Tensor::borrow(type, shape_of(dims, rank), data, size, keeper));
    keeper->owner = owner;
    keeper->release = release;
  });
}
kiln_status kiln_tensor_from_strings(const char* const* texts, const size_t* lengths, const int64_t* dims, size_t rank,
                                     kiln_value** tensor) {
  return guard([&] {
    Tensor made(DType::string, shape_of(dims, rank));
    if (made.size() > 0) checked(texts, "texts");
    auto* to = made.mutable_data<std::string>();
    for (int64_t i = 0; i < made.size(); ++i) {
      const char* text = texts[i];
      if (lengths && lengths[i] == 0) continue;
      checked(text, "a text");
      to[i] = lengths ? std::string(text, lengths[i]) : std::string(text);
    }
    give_value(tensor, std::move(made));
  });
}

kiln_status kiln_tensor_dtype(const kiln_value* tensor, kiln_dtype* dtype) {
  return guard([&] { checked(dtype, "dtype") = static_cast<kiln_dtype>(tensor_of(tensor).dtype()); });
}
kiln_status kiln_tensor_dims(const kiln_value* tensor, const int64_t** dims, size_t* rank) {
  return guard([&] {
    const Shape& shape = tensor_of(tensor).shape();
    checked(rank, "rank") = shape.size();
    checked(dims, "dims") = shape.data();
  });
}
kiln_status kiln_tensor_size(const kiln_value* tensor, size_t* size) {
  return guard([&] { checked(size, "size") = static_cast<size_t>(tensor_of(tensor).size()); });
}
kiln_status kiln_tensor_data(const kiln_value* tensor, const void** data, size_t* size) {
  return guard([&] {
    const Tensor& content = plain_tensor_of(tensor);
    checked(data, "data") = content.raw();
    if (size) *size = content.bytes();
  });
}
kiln_status kiln_tensor_mutable_data(kiln_value* tensor, void** data, size_t* size) {
  return guard([&] {
    plain_tensor_of(tensor);
    Tensor& content = tensor->value.tensor();
    if (!tensor->owns_elements || (content.size() > 0 && !content.is_unique())) {
      fail(ErrorCode::invalid_argument, "the tensor's elements are borrowed or shared, and must not be written to");
    }
    checked(data, "data") = content.mutable_raw();
    if (size) *size = content.bytes();
  });
}
kiln_status kiln_tensor_string(const kiln_value* tensor, size_t index, const char** text, size_t* length) {
  return guard([&] {
    const Tensor& content = tensor_of(tensor);
    if (content.dtype() != DType::string) {
      fail(ErrorCode::invalid_argument, "the tensor holds {}, expected strings", dtype_name(content.dtype()));
    }
    if (index >= static_cast<size_t>(content.size())) {
      fail(ErrorCode::invalid_argument, "index {} is outside a tensor of {} strings", index, content.size());
    }
    const std::string& element = content.data<std::string>()[index];
    checked(text, "text") = element.c_str();
    if (length) *length = element.size();
  });
}

kiln_status kiln_sequence_create(const kiln_value* const* items, size_t count, kiln_dtype dtype,
                                 kiln_value** sequence) {
  return guard([&] {
    if (count > 0) checked(items, "items");
    Sequence made;
    made.dtype = dtype == KILN_UNDEFINED ? DType::undefined : dtype_of_number(dtype);
    for (size_t i = 0; i < count; ++i) made.items.push_back(checked(items[i], "an item").value);
    if (made.dtype == DType::undefined && count > 0 && made.items.front().is_tensor()) {
      made.dtype = made.items.front().tensor().dtype();
    }
    give_value(sequence, std::move(made));
  });
}
kiln_status kiln_sequence_size(const kiln_value* sequence, size_t* size) {
  return guard([&] { checked(size, "size") = checked(sequence, "sequence").value.sequence().items.size(); });
}
kiln_status kiln_sequence_item(const kiln_value* sequence, size_t index, kiln_value** item) {
  return guard([&] {
    const std::vector<Value>& items = checked(sequence, "sequence").value.sequence().items;
    if (index >= items.size()) {
      fail(ErrorCode::invalid_argument, "index {} is outside a sequence of {} items", index, items.size());
    }
    give_value(item, items[index]);
  });
}

kiln_status kiln_map_create(const kiln_value* keys, const kiln_value* values, kiln_value** map) {
  return guard([&] {
    const Tensor &key_tensor = tensor_of(keys), &value_tensor = tensor_of(values);
    if (key_tensor.rank() != 1 || value_tensor.shape() != key_tensor.shape()) {
      fail(ErrorCode::invalid_argument, "a map's keys and values are lists of one size, found shapes {} and {}",
           to_string(key_tensor.shape()), to_string(value_tensor.shape()));
    }
    if (!is_int(key_tensor.dtype()) && key_tensor.dtype() != DType::string) {
      fail(ErrorCode::invalid_argument, "a map's keys are integers or strings, found {}",
           dtype_name(key_tensor.dtype()));
    }
    give_value(map, Map{key_tensor, value_tensor});
  });
}
kiln_status kiln_map_keys(const kiln_value* map, kiln_value** keys) {
  return guard([&] { give_value(keys, checked(map, "map").value.map().keys); });
}
kiln_status kiln_map_values(const kiln_value* map, kiln_value** values) {
  return guard([&] { give_value(values, checked(map, "map").value.map().values); });
}

kiln_status kiln_sparse_values(const kiln_value* sparse, kiln_value** values) {
  return guard([&] { give_value(values, checked(sparse, "sparse").value.sparse().values); });
}
kiln_status kiln_sparse_indices(const kiln_value* sparse, kiln_value** indices) {
  return guard([&] { give_value(indices, checked(sparse, "sparse").value.sparse().indices); });
}
kiln_status kiln_sparse_dims(const kiln_value* sparse, const int64_t** dims, size_t* rank) {
  return guard([&] {
    const Shape& shape = checked(sparse, "sparse").value.sparse().shape;
    checked(rank, "rank") = shape.size();
    checked(dims, "dims") = shape.data();
  });
}
