#pragma once

#include <span>
#include <string_view>

namespace kiln {

class EvalContext;
class InferContext;

/// One version of an operator as ONNX's schema says it, in a small language of three texts (ops/schema.hpp reads it):
///   signature   "X:T W:T B?:T -> Y:T"
///               name:type; `?` optional, `*` variadic, `*2` variadic with at least 2, `~` variadic of mixed types.
///               A type is a constraint's name or a plain type: f32, i64, seq(f32), map(i64,f32).
///   attributes  "group:int=1 auto_pad:string=NOTSET pads:ints axis!:int"      `!` required
///   types       "T=f16,f32,f64 I=i32,i64"; the sets real, int, uint, numeric, basic, float8 may stand for their
///               members, and seq(...), optional(...), optional_seq(...) wrap a list
struct SchemaText {
  int since;
  std::string_view signature;
  std::string_view attributes = {};
  std::string_view types = {};
  bool deprecated = false;
};

/// An operator, as data. `eval` is the plainest code that is right for every type, rank, attribute and version; it
/// judges all fast code and runs what no fast code runs. Both functions ask their context for the version in force.
struct OpDef {
  std::string_view domain;  ///< "" is ai.onnx
  std::string_view name;
  std::span<const SchemaText> versions;  ///< oldest first
  void (*infer)(InferContext&) = nullptr;
  void (*eval)(EvalContext&) = nullptr;
  bool random = false;  ///< gives other results from run to run, so it is never computed ahead
};

/// Every operator, in the order of ONNX's own index, domain by domain.
std::span<const OpDef* const> all_ops();
const OpDef* find_op(std::string_view domain, std::string_view name);

}  // namespace kiln
