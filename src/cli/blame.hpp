#pragma once

#include <map>
#include <string>

#include "builder/difference.hpp"
#include "cli/json.hpp"
#include "cli/subject.hpp"

namespace kiln::cli {

/// What makes answers wrong, as kiln compare --bisect finds it.
struct Blame {
  std::string text;            ///< for people, one line
  Json json = Json::object();  ///< "kind": "patch", "step", "model", "engine" or "unknown", and what belongs to it
};

/// Of a subject that Kiln decides how to do, whose outputs on these feeds are not as expected. `model` is the ONNX file
/// that it was made of, or "" where that is not known.
Blame find_blame(const Subject& subject, const std::string& model, const std::vector<FedInput>& feeds,
                 const std::map<std::string, Value>& expected, const Tolerance& tolerance, uint64_t seed);

}  // namespace kiln::cli
