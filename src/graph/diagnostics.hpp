#pragma once

#include <string>
#include <vector>

#include "kiln/error.hpp"

namespace kiln {

/// One thing that is wrong, or worth knowing, about a model.
struct Finding {
  enum class Severity { error, warning };
  Severity severity = Severity::error;
  std::string rule;     ///< short and stable, for machines: "unknown-operator", "shape-mismatch"
  std::string place;    ///< "graph 'main', node 'conv1' (Conv), input 1 (W)"
  std::string message;  ///< what was found and what was expected
  std::string help;     ///< what to do about it; may be empty
};

/// Where readers and checkers put what they find. By default the first error is thrown as kiln::Error; a collecting
/// sink keeps everything, so that one pass over a model finds all its faults.
class Diagnostics {
 public:
  enum class Mode { throw_first, collect };
  explicit Diagnostics(Mode mode = Mode::throw_first) : mode_(mode) {}

  void report(Finding finding, ErrorCode code = ErrorCode::invalid_model);
  void error(std::string rule, std::string place, std::string message, std::string help = {},
             ErrorCode code = ErrorCode::invalid_model);
  void warning(std::string rule, std::string place, std::string message, std::string help = {});

  const std::vector<Finding>& findings() const { return findings_; }
  bool has_errors() const;

 private:
  Mode mode_;
  std::vector<Finding> findings_;
};

}  // namespace kiln
