#include "graph/type.hpp"

#include "base/error.hpp"

namespace kiln {

Type Type::tensor(DType dtype, std::optional<SymShape> shape) {
  Type type;
  type.kind = Kind::tensor;
  type.dtype = dtype;
  type.shape = std::move(shape);
  return type;
}

Type Type::sparse(DType dtype, std::optional<SymShape> shape) {
  Type type = tensor(dtype, std::move(shape));
  type.kind = Kind::sparse;
  return type;
}

Type Type::sequence(Type element) {
  Type type;
  type.kind = Kind::sequence;
  type.inner = std::make_shared<const Type>(std::move(element));
  return type;
}

Type Type::optional(Type element) {
  Type type = sequence(std::move(element));
  type.kind = Kind::optional;
  return type;
}

Type Type::map(DType key, Type value) {
  Type type = sequence(std::move(value));
  type.kind = Kind::map;
  type.dtype = key;
  return type;
}

namespace {

std::string write(const Type& type, bool with_shape) {
  const auto inside = [&] { return type.inner ? write(*type.inner, with_shape) : std::string("unknown"); };
  switch (type.kind) {
    case Type::Kind::unknown: return "unknown";
    case Type::Kind::tensor:
    case Type::Kind::sparse: {
      const bool dense = type.kind == Type::Kind::tensor;
      if (!with_shape) return (dense ? "tensor(" : "sparse_tensor(") + std::string(dtype_onnx_name(type.dtype)) + ")";
      const std::string name = (dense ? "" : "sparse ") + std::string(dtype_name(type.dtype));
      return name + (type.shape ? to_string(*type.shape) : "[...]");
    }
    case Type::Kind::sequence: return "seq(" + inside() + ")";
    case Type::Kind::optional: return "optional(" + inside() + ")";
    case Type::Kind::map: {
      const std::string key(with_shape ? dtype_name(type.dtype) : dtype_onnx_name(type.dtype));
      return "map(" + key + "," + inside() + ")";
    }
    case Type::Kind::opaque: return "opaque(" + type.opaque_name + ")";
  }
  return "unknown";
}

std::optional<SymShape> merge_shapes(const Type& a, const Type& b, bool both_hold) {
  if (!a.shape || !b.shape) return both_hold ? (a.shape ? a.shape : b.shape) : std::nullopt;
  if (a.shape->size() != b.shape->size()) {
    if (!both_hold) return std::nullopt;
    fail(ErrorCode::invalid_model, "shape {} contradicts shape {}", to_string(*a.shape), to_string(*b.shape));
  }
  SymShape merged;
  for (size_t i = 0; i < a.shape->size(); ++i) {
    const Dim &x = (*a.shape)[i], &y = (*b.shape)[i];
    if (!both_hold) {
      merged.push_back(x == y ? x : Dim());
    } else if (x.is_known() && y.is_known() && !(x == y)) {
      fail(ErrorCode::invalid_model, "shape {} contradicts shape {}", to_string(*a.shape), to_string(*b.shape));
    } else {
      const bool prefer_y = y.is_known() || (x.is_unknown() && !y.is_unknown());
      merged.push_back(prefer_y ? y : x);
    }
  }
  return merged;
}

Type merge(const Type& a, const Type& b, bool both_hold) {
  if (!a.is_known()) return both_hold ? b : a;
  if (!b.is_known()) return both_hold ? a : b;
  if (a.kind != b.kind) {
    // An optional that is filled is its content, so the two may meet.
    if (a.kind == Type::Kind::optional && a.inner) return Type::optional(merge(*a.inner, b, both_hold));
    if (b.kind == Type::Kind::optional && b.inner) return Type::optional(merge(a, *b.inner, both_hold));
    fail(ErrorCode::invalid_model, "type {} contradicts type {}", a.str(), b.str());
  }
  if (a.dtype != b.dtype && a.dtype != DType::undefined && b.dtype != DType::undefined) {
    fail(ErrorCode::invalid_model, "type {} contradicts type {}", a.str(), b.str());
  }
  Type merged = a;
  if (merged.dtype == DType::undefined) merged.dtype = b.dtype;
  merged.shape = merge_shapes(a, b, both_hold);
  if (a.inner && b.inner) {
    merged.inner = std::make_shared<const Type>(merge(*a.inner, *b.inner, both_hold));
  } else if (!a.inner) {
    merged.inner = b.inner;
  }
  if (merged.denotation.empty()) merged.denotation = b.denotation;
  if (merged.dim_denotations.empty()) merged.dim_denotations = b.dim_denotations;
  return merged;
}

}  // namespace

std::string Type::onnx_name() const { return write(*this, false); }
std::string Type::str() const { return write(*this, true); }

bool same_kind(const Type& a, const Type& b) {
  if (a.kind != b.kind || a.dtype != b.dtype || a.opaque_name != b.opaque_name) return false;
  if (!a.inner || !b.inner) return !a.inner && !b.inner;
  return same_kind(*a.inner, *b.inner);
}

Type unify(const Type& a, const Type& b) { return merge(a, b, true); }
Type join(const Type& a, const Type& b) { return merge(a, b, false); }

}  // namespace kiln
