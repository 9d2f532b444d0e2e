#pragma once

#include "tactics/tactic.hpp"

namespace kiln::onednn {

extern const Tactic conv, conv_transposed, pool;

}  // namespace kiln::onednn
