#pragma once

#include "ops/op.hpp"
#include "ops/schema.hpp"

namespace kiln {

/// Deprecated for good: no later version takes its place, and what it computed is another operator's task.
inline bool withdrawn(const Schema& schema) {
  return schema.deprecated && schema.op->versions.back().since == schema.since;
}

}  // namespace kiln
