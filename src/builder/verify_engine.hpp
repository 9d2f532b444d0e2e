#pragma once

#include <map>
#include <memory>
#include <string>

#include "runtime/engine.hpp"

namespace kiln {

struct VerifyResult {
  bool done = false;      ///< the answers were held against each other
  std::string why_not;    ///< where they were not: "input 'x' is a sequence"
  double difference = 0;  ///< the largest, over the largest magnitude of its output
};

/// Runs an engine and the reference code of the model that it was made of on the same random inputs, of the typical
/// shapes; its ways for other sizes on inputs of these, or where they are larger on the same as the first. Fails,
/// naming the first node whose answer is off, where they differ by more than rounding.
VerifyResult verify_engine(const ModelDef& original, const std::shared_ptr<const EngineDef>& engine,
                           const std::map<std::string, Shape>& shapes = {});

}  // namespace kiln
