#pragma once

#include <memory>
#include <optional>
#include <string>

#include "graph/dim.hpp"
#include "kiln/dtype.hpp"

namespace kiln {

/// The type of a value, as far as it is known.
struct Type {
  enum class Kind : uint8_t { unknown, tensor, sparse, sequence, map, optional, opaque };

  Kind kind = Kind::unknown;
  DType dtype = DType::undefined;            ///< element type of a tensor; key type of a map
  std::optional<SymShape> shape;             ///< of a tensor; nothing while the rank is unknown
  std::shared_ptr<const Type> inner;         ///< element of a sequence or an optional, value of a map
  std::string denotation;                    ///< what ONNX calls the meaning of a value ("IMAGE")
  std::vector<std::string> dim_denotations;  ///< empty, or one for each dim ("DATA_CHANNEL")
  std::string opaque_name;                   ///< "domain,name" of an opaque type

  static Type tensor(DType dtype, std::optional<SymShape> shape = {});
  static Type sparse(DType dtype, std::optional<SymShape> shape = {});
  static Type sequence(Type element);
  static Type optional(Type element);
  static Type map(DType key, Type value);

  bool is_known() const { return kind != Kind::unknown; }
  bool is_tensor() const { return kind == Kind::tensor; }
  /// "tensor(float)", "seq(tensor(int64))", "map(string,tensor(float))": how ONNX writes a type, without its shape.
  std::string onnx_name() const;
  /// "f32[batch,3,224,224]", "seq(f32[?])"
  std::string str() const;
};

/// Same kind and element types; shapes are not compared.
bool same_kind(const Type& a, const Type& b);

/// What is known when both hold: each dim from whichever side knows it better. Fails where they contradict.
Type unify(const Type& a, const Type& b);
/// What is known when either may hold (the two branches of an If): dims that differ become unknown.
Type join(const Type& a, const Type& b);

}  // namespace kiln
