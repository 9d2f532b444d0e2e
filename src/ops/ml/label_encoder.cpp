#include <cmath>
#include <map>
#include <numeric>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText label_encoder_versions[] = {
    {1, "X:T1 -> Y:T2", "classes_strings:strings default_int64:int=-1 default_string:string=_Unused",
     "T1=string,i64 T2=string,i64"},
    {2, "X:T1 -> Y:T2",
     "default_float:float=-0 default_int64:int=-1 default_string:string=_Unused keys_floats:floats "
     "keys_int64s:ints keys_strings:strings values_floats:floats values_int64s:ints values_strings:strings",
     "T1=string,i64,f32 T2=string,i64,f32"},
    {4, "X:T1 -> Y:T2",
     "default_float:float=-0 default_int64:int=-1 default_string:string=_Unused default_tensor:tensor "
     "keys_floats:floats keys_int64s:ints keys_strings:strings keys_tensor:tensor values_floats:floats "
     "values_int64s:ints values_strings:strings values_tensor:tensor",
     "T1=string,i64,f32,i32,i16,f64 T2=string,i64,f32,i32,i16,f64"},
};

/// A list of keys or values: the attribute "<role>_tensor", "<role>_strings", "<role>_int64s" or "<role>_floats".
Tensor read_list(const NodeView& node, const std::string& role) {
  if (node.has_attribute(role + "_tensor")) {
    const Tensor& tensor = node.attr_tensor(role + "_tensor");
    return tensor.is_aligned() ? tensor : tensor.clone();
  }
  if (const auto strings = node.attr_strings(role + "_strings"); !strings.empty()) {
    return Tensor::from<std::string>({static_cast<int64_t>(strings.size())}, strings);
  }
  if (const auto ints = node.attr_ints(role + "_int64s"); !ints.empty()) {
    return Tensor::from<int64_t>({static_cast<int64_t>(ints.size())}, ints);
  }
  if (const auto floats = node.attr_floats(role + "_floats"); !floats.empty()) {
    return Tensor::from<float>({static_cast<int64_t>(floats.size())}, floats);
  }
  fail(ErrorCode::invalid_model, "the {} are missing: one of {}_tensor, {}_strings, {}_int64s and {}_floats is needed",
       role, role, role, role, role);
}

Tensor read_default(const NodeView& node, const Tensor& values) {
  if (node.version() >= 4 && node.has_attribute("default_tensor")) {
    const Tensor& tensor = node.attr_tensor("default_tensor");
    if (tensor.dtype() != values.dtype() || tensor.size() != 1) {
      fail(ErrorCode::invalid_model, "default_tensor is {} {}, expected one element of type {}",
           dtype_name(tensor.dtype()), to_string(tensor.shape()), dtype_name(values.dtype()));
    }
    return tensor.is_aligned() ? tensor : tensor.clone();
  }
  const bool listed = !node.has_attribute("values_tensor");
  switch (values.dtype()) {
    case DType::string: return Tensor::scalar<std::string>(listed ? node.attr_string("default_string") : "_Unused");
    case DType::i64: return Tensor::scalar<int64_t>(listed ? node.attr_int("default_int64") : -1);
    case DType::f32: return Tensor::scalar<float>(listed ? node.attr_float("default_float") : -0.0F);
    case DType::f64: return Tensor::scalar<double>(-0.0);
    case DType::i32: return Tensor::scalar<int32_t>(-1);
    case DType::i16: return Tensor::scalar<int16_t>(-1);
    default: fail(ErrorCode::invalid_model, "values of type {} are not allowed", dtype_name(values.dtype()));
  }
}

struct Mapping {
  Tensor keys, values, otherwise;
};

/// Version 1 counts: the class's place in classes_strings stands for it.
Mapping read_classes(const NodeView& node, DType input) {
  const auto classes = node.attr_strings("classes_strings");
  const auto count = static_cast<int64_t>(classes.size());
  const Tensor names = Tensor::from<std::string>({count}, classes);
  Tensor numbers(DType::i64, {count});
  std::iota(numbers.mutable_elements<int64_t>().begin(), numbers.mutable_elements<int64_t>().end(), 0);
  if (input == DType::string) return {names, numbers, Tensor::scalar<int64_t>(node.attr_int("default_int64"))};
  return {numbers, names, Tensor::scalar<std::string>(node.attr_string("default_string"))};
}

Mapping read_mapping(const NodeView& node, DType input) {
  if (node.version() == 1) return read_classes(node, input);
  Mapping mapping{read_list(node, "keys"), read_list(node, "values"), {}};
  mapping.otherwise = read_default(node, mapping.values);
  if (mapping.keys.size() != mapping.values.size()) {
    fail(ErrorCode::invalid_model, "there are {} keys and {} values", mapping.keys.size(), mapping.values.size());
  }
  if (input != DType::undefined && mapping.keys.dtype() != input) {
    fail(ErrorCode::invalid_model, "the input is of type {}, the keys are of type {}", dtype_name(input),
         dtype_name(mapping.keys.dtype()));
  }
  return mapping;
}

void infer_label_encoder(InferContext& c) {
  Type type = c.type(0);
  if (c.version() == 1 && c.dtype(0) == DType::undefined) return;
  const Mapping mapping = read_mapping(c, c.dtype(0));
  if (!type.is_tensor()) type = Type::tensor(DType::undefined);
  type.dtype = mapping.values.dtype();
  c.set_output(0, std::move(type));
}

/// Puts NaN, which is one key, before all numbers.
template <class Key>
struct KeyLess {
  bool operator()(const Key& a, const Key& b) const {
    if constexpr (std::is_floating_point_v<Key>) {
      if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && !std::isnan(b);
    }
    return a < b;
  }
};

/// Of keys that are the same the last one counts from version 4 on; before, the standard does not say, and runtimes
/// take the first one.
template <class Key>
std::vector<int64_t> find_places(const Tensor& input, const Tensor& keys, bool last_counts) {
  std::map<Key, int64_t, KeyLess<Key>> places;
  int64_t next = 0;
  for (const Key& key : keys.elements<Key>()) {
    const auto [place, is_new] = places.try_emplace(key, next);
    if (last_counts) place->second = next;
    ++next;
  }
  std::vector<int64_t> found;
  for (const Key& key : input.elements<Key>()) {
    const auto place = places.find(key);
    found.push_back(place == places.end() ? -1 : place->second);
  }
  return found;
}

void eval_label_encoder(EvalContext& c) {
  const Tensor& input = c.input(0);
  const Mapping mapping = read_mapping(c, input.dtype());
  const std::vector<int64_t> places =
      dispatch(Types<std::string, int64_t, float, int32_t, int16_t, double>{}, input.dtype(),
               [&]<class Key>() { return find_places<Key>(input, mapping.keys, c.version() >= 4); });
  Tensor& output = c.output(0, mapping.values.dtype(), input.shape());
  dispatch_by_size(output.dtype(), [&]<class T>() {
    const T* values = static_cast<const T*>(mapping.values.raw());
    const T& otherwise = *static_cast<const T*>(mapping.otherwise.raw());
    T* to = static_cast<T*>(output.mutable_raw());
    for (int64_t place : places) *to++ = place < 0 ? otherwise : values[place];
  });
}

}  // namespace

extern const OpDef label_encoder_op{"ai.onnx.ml", "LabelEncoder", label_encoder_versions, infer_label_encoder,
                                    eval_label_encoder};

}  // namespace kiln::ops
