#pragma once

#include <memory>

#include "tactics/tactic.hpp"

namespace kiln {

/// A copy of a tensor from one layout to another. Only a plain one that is copied to plain may have rows that lie
/// apart.
std::unique_ptr<Work> copy_work(const TensorLayout& from, const TensorLayout& to, const TensorSpec& tensor);

}  // namespace kiln
