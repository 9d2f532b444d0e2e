#include "formats/onnx/type_reader.hpp"

#include <fmt/format.h>

#include "formats/onnx/fields.hpp"

namespace kiln::onnx {
namespace {

Dim read_dim(ReadContext& context, std::string_view message, std::string& denotation) {
  Dim dim;
  for (WireReader in(message); in.next();) {
    switch (in.field()) {
      case field::dimension::value: {
        const int64_t extent = in.int64();
        dim = extent < 0 ? Dim() : Dim(extent);
        if (extent < 0) context.warning("negative-dim", fmt::format("a dim is {}; taken for unknown", extent));
        break;
      }
      case field::dimension::param: {
        const std::string text = context.text(in, "the name of a dim");
        dim = text.empty() ? Dim() : Dim::parse(text);
        if (dim.is_known() && dim.value() < 0) dim = Dim();
        break;
      }
      case field::dimension::denotation: denotation = context.text(in, "the denotation of a dim"); break;
      default: in.skip();
    }
  }
  return dim;
}

SymShape read_shape(ReadContext& context, std::string_view message, std::vector<std::string>& denotations) {
  SymShape shape;
  std::vector<std::string> texts;
  bool any_text = false;
  for (WireReader in(message); in.next();) {
    if (in.field() != field::shape::dim) {
      in.skip();
      continue;
    }
    if (static_cast<int64_t>(shape.size()) == context.limits().rank) {
      context.error("rank-too-large", fmt::format("a shape has more than {} dims", shape.size()),
                    "The knob onnx_max_rank sets this limit.", ErrorCode::limit_exceeded);
      break;
    }
    std::string text;
    shape.push_back(read_dim(context, in.bytes(), text));
    any_text = any_text || !text.empty();
    texts.push_back(std::move(text));
  }
  if (any_text) denotations = std::move(texts);
  return shape;
}

void read_tensor_type(ReadContext& context, std::string_view message, Type::Kind kind, Type& type) {
  type.kind = kind;
  int32_t element = 0;
  for (WireReader in(message); in.next();) {
    switch (in.field()) {
      case field::tensor_type::elem_type: element = in.int32(); break;
      case field::tensor_type::shape: type.shape = read_shape(context, in.bytes(), type.dim_denotations); break;
      default: in.skip();
    }
  }
  type.dtype = read_dtype(context, element, false);
}

/// The TypeProto in field `wanted` of a sequence, an optional or a map.
std::shared_ptr<const Type> read_inner(ReadContext& context, std::string_view message, uint32_t wanted) {
  Type inner;
  for (WireReader in(message); in.next();) {
    if (in.field() == wanted)
      inner = read_type(context, in.bytes());
    else
      in.skip();
  }
  return std::make_shared<const Type>(std::move(inner));
}

void read_map_type(ReadContext& context, std::string_view message, Type& type) {
  type.kind = Type::Kind::map;
  type.inner = read_inner(context, message, field::map_type::value_type);
  for (WireReader in(message); in.next();) {
    if (in.field() == field::map_type::key_type)
      type.dtype = read_dtype(context, in.int32(), true);
    else
      in.skip();
  }
  if (type.dtype != DType::undefined && type.dtype != DType::string && !is_int(type.dtype)) {
    context.error("map-key", fmt::format("the keys of a map are {}, and must be integers or strings",
                                         dtype_onnx_name(type.dtype)));
  }
}

void read_opaque_type(ReadContext& context, std::string_view message, Type& type) {
  type.kind = Type::Kind::opaque;
  std::string domain, name;
  for (WireReader in(message); in.next();) {
    switch (in.field()) {
      case field::opaque_type::domain: domain = context.text(in, "the domain of an opaque type"); break;
      case field::opaque_type::name: name = context.text(in, "the name of an opaque type"); break;
      default: in.skip();
    }
  }
  type.opaque_name = domain + "," + name;
}

}  // namespace

DType read_dtype(ReadContext& context, int32_t number, bool required) {
  if (number < 0 || number >= kDTypeCount) {
    context.error("unknown-element-type",
                  fmt::format("element type {} is none of the {} that ONNX has", number, kDTypeCount - 1));
    return DType::undefined;
  }
  if (number == 0 && required) context.error("undefined-element-type", "the element type is undefined");
  return static_cast<DType>(number);
}

Type read_type(ReadContext& context, std::string_view message) {
  const ReadContext::Level level(context);
  Type type;
  if (!level) return type;
  std::string denotation;
  for (WireReader in(message); in.next();) {
    const uint32_t which = in.field();
    if (which == field::type::denotation) {
      denotation = context.text(in, "the denotation of a type");
      continue;
    }
    switch (which) {
      case field::type::tensor:
        type = {};
        read_tensor_type(context, in.bytes(), Type::Kind::tensor, type);
        break;
      case field::type::sparse:
        type = {};
        read_tensor_type(context, in.bytes(), Type::Kind::sparse, type);
        break;
      case field::type::sequence:
        type = {.kind = Type::Kind::sequence};
        type.inner = read_inner(context, in.bytes(), field::sequence_type::elem_type);
        break;
      case field::type::optional:
        type = {.kind = Type::Kind::optional};
        type.inner = read_inner(context, in.bytes(), field::sequence_type::elem_type);
        break;
      case field::type::map:
        type = {};
        read_map_type(context, in.bytes(), type);
        break;
      case field::type::opaque:
        type = {};
        read_opaque_type(context, in.bytes(), type);
        break;
      default: in.skip();
    }
  }
  type.denotation = std::move(denotation);
  return type;
}

}  // namespace kiln::onnx
