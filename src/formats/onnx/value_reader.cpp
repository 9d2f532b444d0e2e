#include "formats/onnx/value_reader.hpp"

#include <fmt/format.h>

#include <cstring>

#include "formats/onnx/fields.hpp"
#include "formats/onnx/tensor_reader.hpp"
#include "formats/onnx/type_reader.hpp"

namespace kiln::onnx {
namespace {

Value tensor_value(ReadContext& context, std::string_view message) {
  Tensor tensor = read_tensor(context, message).tensor;
  return tensor.defined() ? Value(std::move(tensor)) : Value();
}

/// The tensors of a map's values in one: item i is values[i].
Tensor stack(ReadContext& context, const Sequence& items) {
  const Tensor& first = items.items.front().tensor();
  Shape shape = first.shape();
  shape.insert(shape.begin(), static_cast<int64_t>(items.items.size()));
  size_t bytes = 0;
  if (__builtin_mul_overflow(first.bytes(), items.items.size(), &bytes)) bytes = SIZE_MAX;
  if (!context.book_memory(bytes)) return {};
  Tensor stacked(first.dtype(), std::move(shape));
  size_t done = 0;
  for (const Value& item : items.items) {
    const Tensor& tensor = item.tensor();
    if (tensor.dtype() == DType::string) {
      const auto texts = tensor.elements<std::string>();
      std::copy(texts.begin(), texts.end(), stacked.mutable_data<std::string>() + done);
      done += texts.size();
    } else if (tensor.bytes() > 0) {
      std::memcpy(static_cast<char*>(stacked.mutable_raw()) + done, tensor.raw(), tensor.bytes());
      done += tensor.bytes();
    }
  }
  return stacked;
}

/// Whether all values of a map are tensors of one type and shape, which is what Kiln can hold; reports it if not.
bool are_alike(ReadContext& context, const Sequence& items) {
  for (const Value& item : items.items) {
    const bool alike = item.is_tensor() && items.items.front().is_tensor() &&
                       item.tensor().dtype() == items.items.front().tensor().dtype() &&
                       item.tensor().shape() == items.items.front().tensor().shape();
    if (alike) continue;
    context.error("map-values", "the values of a map are not tensors of one type and shape", {},
                  ErrorCode::unsupported);
    return false;
  }
  return true;
}

template <class T>
Tensor integer_keys(DType dtype, const std::vector<int64_t>& keys) {
  Tensor tensor(dtype, {static_cast<int64_t>(keys.size())});
  auto* out = static_cast<T*>(tensor.mutable_raw());
  for (const int64_t key : keys) *out++ = static_cast<T>(key);
  return tensor;
}

Tensor make_keys(ReadContext& context, DType dtype, const std::vector<int64_t>& numbers,
                 const std::vector<std::string>& texts) {
  if (dtype == DType::string) return Tensor::vector(texts);
  if (!is_int(dtype) || dtype_bits(dtype) < 8) {
    context.error("map-key",
                  fmt::format("the keys of a map are {}, and must be integers or strings", dtype_onnx_name(dtype)));
    return {};
  }
  switch (dtype_size(dtype)) {
    case 1: return integer_keys<uint8_t>(dtype, numbers);
    case 2: return integer_keys<uint16_t>(dtype, numbers);
    case 4: return integer_keys<uint32_t>(dtype, numbers);
    default: return integer_keys<uint64_t>(dtype, numbers);
  }
}

}  // namespace

NamedValue read_sequence(ReadContext& context, std::string_view message) {
  NamedValue result;
  Sequence sequence;
  const ReadContext::Level level(context);
  if (!level) return result;
  context.message(Part::plain, message, [&](std::string_view bytes) {
    for (WireReader in(bytes); in.next();) {
      switch (in.field()) {
        case field::sequence::name: result.name = context.text(in, "the name of a sequence"); break;
        case field::sequence::tensors: sequence.items.push_back(tensor_value(context, in.bytes())); break;
        case field::sequence::sparse_tensors:
          sequence.items.emplace_back(read_sparse_tensor(context, in.bytes()).tensor);
          break;
        case field::sequence::sequences: sequence.items.push_back(read_sequence(context, in.bytes()).value); break;
        case field::sequence::maps: sequence.items.push_back(read_map(context, in.bytes()).value); break;
        case field::sequence::optionals: sequence.items.push_back(read_optional(context, in.bytes()).value); break;
        default: in.skip();
      }
    }
  });
  for (const Value& item : sequence.items) {
    if (item.is_tensor()) sequence.dtype = item.tensor().dtype();
  }
  result.value = std::move(sequence);
  return result;
}

NamedValue read_map(ReadContext& context, std::string_view message) {
  NamedValue result;
  const ReadContext::Level level(context);
  if (!level) return result;
  context.message(Part::plain, message, [&](std::string_view bytes) {
    DType key_type = DType::undefined;
    std::vector<int64_t> numbers;
    std::vector<std::string> texts;
    Value values = Sequence();
    for (WireReader in(bytes); in.next();) {
      switch (in.field()) {
        case field::map::name: result.name = context.text(in, "the name of a map"); break;
        case field::map::key_type: key_type = read_dtype(context, in.int32(), true); break;
        case field::map::keys: in.varints([&](uint64_t key) { numbers.push_back(static_cast<int64_t>(key)); }); break;
        case field::map::string_keys: texts.push_back(context.bytes(in.bytes(), "a key")); break;
        case field::map::values: values = read_sequence(context, in.bytes()).value; break;
        default: in.skip();
      }
    }
    if (!values.is_sequence() || key_type == DType::undefined) return;
    const Sequence& items = values.sequence();
    const size_t keys = key_type == DType::string ? texts.size() : numbers.size();
    if (keys != items.items.size()) {
      context.error("map-values", fmt::format("a map has {} keys and {} values", keys, items.items.size()));
      return;
    }
    if (!are_alike(context, items)) return;
    Map map;
    map.keys = make_keys(context, key_type, numbers, texts);
    // An empty map tells nothing of its values' type.
    map.values = items.items.empty() ? Tensor(DType::f32, {0}) : stack(context, items);
    result.value = std::move(map);
  });
  return result;
}

NamedValue read_optional(ReadContext& context, std::string_view message) {
  NamedValue result;
  const ReadContext::Level level(context);
  if (!level) return result;
  context.message(Part::plain, message, [&](std::string_view bytes) {
    for (WireReader in(bytes); in.next();) {
      switch (in.field()) {
        case field::optional::name: result.name = context.text(in, "the name of an optional"); break;
        case field::optional::tensor: result.value = tensor_value(context, in.bytes()); break;
        case field::optional::sparse_tensor: result.value = read_sparse_tensor(context, in.bytes()).tensor; break;
        case field::optional::sequence: result.value = read_sequence(context, in.bytes()).value; break;
        case field::optional::map: result.value = read_map(context, in.bytes()).value; break;
        case field::optional::optional: result.value = read_optional(context, in.bytes()).value; break;
        default: in.skip();
      }
    }
  });
  return result;
}

}  // namespace kiln::onnx
