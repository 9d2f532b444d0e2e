#pragma once

#include <string>

#include "tactics/tactic.hpp"

namespace kiln {

/// A problem as one line of text without tabs: operators, attributes, shapes, epilogue and wiring, but no names and no
/// weights. Problems with the same text take the same time. "" for one that the text cannot tell apart from others.
std::string problem_key(const Problem& problem);

/// Of the inputs and the outputs, p for plain and b for blocked: "bp>b".
std::string formats_text(const Formats& formats);

}  // namespace kiln
