#include "formats/onnx/type_writer.hpp"

#include "formats/onnx/fields.hpp"

namespace kiln::onnx {
namespace {

WireWriter write_shape(const SymShape& shape, const std::vector<std::string>& denotations) {
  WireWriter out;
  for (size_t i = 0; i < shape.size(); ++i) {
    WireWriter dim;
    if (shape[i].is_known())
      dim.int64(field::dimension::value, shape[i].value());
    else if (shape[i].is_symbolic())
      dim.bytes(field::dimension::param, shape[i].str());
    if (i < denotations.size()) dim.text(field::dimension::denotation, denotations[i]);
    out.message(field::shape::dim, std::move(dim));
  }
  return out;
}

WireWriter write_tensor_type(const Type& type) {
  WireWriter out;
  out.varint(field::tensor_type::elem_type, static_cast<uint64_t>(type.dtype));
  if (type.shape) out.message(field::tensor_type::shape, write_shape(*type.shape, type.dim_denotations));
  return out;
}

WireWriter write_inner(const Type& type, uint32_t field) {
  WireWriter out;
  if (type.inner) out.message(field, write_type(*type.inner));
  return out;
}

WireWriter write_map_type(const Type& type) {
  WireWriter out;
  if (type.dtype != DType::undefined) out.varint(field::map_type::key_type, static_cast<uint64_t>(type.dtype));
  if (type.inner) out.message(field::map_type::value_type, write_type(*type.inner));
  return out;
}

WireWriter write_opaque_type(const Type& type) {
  WireWriter out;
  const size_t comma = type.opaque_name.find(',');
  out.text(field::opaque_type::domain, std::string_view(type.opaque_name).substr(0, comma));
  if (comma != std::string::npos) {
    out.text(field::opaque_type::name, std::string_view(type.opaque_name).substr(comma + 1));
  }
  return out;
}

}  // namespace

WireWriter write_type(const Type& type) {
  WireWriter out;
  switch (type.kind) {
    case Type::Kind::tensor: out.message(field::type::tensor, write_tensor_type(type)); break;
    case Type::Kind::sparse: out.message(field::type::sparse, write_tensor_type(type)); break;
    case Type::Kind::sequence:
      out.message(field::type::sequence, write_inner(type, field::sequence_type::elem_type));
      break;
    case Type::Kind::optional:
      out.message(field::type::optional, write_inner(type, field::sequence_type::elem_type));
      break;
    case Type::Kind::map: out.message(field::type::map, write_map_type(type)); break;
    case Type::Kind::opaque: out.message(field::type::opaque, write_opaque_type(type)); break;
    case Type::Kind::unknown: break;
  }
  out.text(field::type::denotation, type.denotation);
  return out;
}

}  // namespace kiln::onnx
