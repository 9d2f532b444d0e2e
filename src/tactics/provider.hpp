#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "tactics/tactic.hpp"

namespace kiln {

/// What a library of its own offers beside Kiln's tactics: the one table between it and the runtime, which loads it
/// (runtime/providers.hpp) and finds the table by the symbol `kiln_provider`. Library and runtime must come from the
/// same build, for tactics are C++.
struct Provider {
  struct Row {
    std::string_view op_type;  ///< of ai.onnx
    std::span<const Tactic* const> tactics;
  };

  const char* kiln_version;
  std::string_view name;  ///< "onednn": what its tactics' names begin with, before a '_'
  std::string library;    ///< for people: "oneDNN 2.6.3, avx512_core_bf16"
  std::span<const Row> rows;
  /// Why what was packed with this tuning cannot be used by this process; "" where it can.
  std::string (*mismatch)(const Tuning& tuning);
};

/// What the library exports: null where it cannot work here, with why.
using GetProvider = const Provider* (*)(std::string& why_not);
inline constexpr const char* provider_symbol = "kiln_provider";

}  // namespace kiln
