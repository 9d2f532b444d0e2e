#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "ops/schema.hpp"

namespace kiln {

/// An operator that a program or a plugin brings along, in a domain that is not one of ONNX's own.
struct CustomOpDef {
  std::string domain, name;
  int since = 1;  ///< the version of the domain that it came with
  /// As in a SchemaText. Without a signature it takes and gives any number of values of any types; without attributes
  /// a node may have any.
  std::string signature = {}, attributes = {}, types = {};
  std::function<void(EvalContext&)> eval;
  std::function<void(InferContext&)> infer = {};  ///< may be none: then nothing is known of the outputs before a run
};

/// Makes it known to the whole process, for all that is loaded from now on; in the place of one with the same domain
/// and name, which models that are loaded already keep. Safe from any thread.
void register_custom_op(CustomOpDef op);

/// Null, or nothing, where there is none. What is returned lives as long as the process.
const OpDef* find_custom_op(std::string_view domain, std::string_view name);
std::span<const Schema> custom_schemas(std::string_view domain, std::string_view name);
bool is_custom(const OpDef& op);
bool has_custom_domain(std::string_view domain);

/// Reads one text of an operator's schema; an internal error where it is none.
Schema read_schema(const OpDef& op, const SchemaText& text);

}  // namespace kiln
