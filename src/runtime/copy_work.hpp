#pragma once

#include <memory>

#include "tactics/tactic.hpp"

namespace kiln {

/// A copy of a tensor from one layout to another; `bytes` is the size of a plain one.
std::unique_ptr<Work> copy_work(const TensorLayout& from, const TensorLayout& to, int64_t bytes);

}  // namespace kiln
