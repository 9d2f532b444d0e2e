#include "graph/diagnostics.hpp"

namespace kiln {

void Diagnostics::report(Finding finding, ErrorCode code) {
  if (mode_ == Mode::throw_first && finding.severity == Finding::Severity::error) {
    std::string text = finding.place.empty() ? finding.message : finding.place + ": " + finding.message;
    if (!finding.help.empty()) text += " (" + finding.help + ")";
    throw Error(code, text);
  }
  findings_.push_back(std::move(finding));
}

void Diagnostics::error(std::string rule, std::string place, std::string message, std::string help, ErrorCode code) {
  report({Finding::Severity::error, std::move(rule), std::move(place), std::move(message), std::move(help)}, code);
}

void Diagnostics::warning(std::string rule, std::string place, std::string message, std::string help) {
  report({Finding::Severity::warning, std::move(rule), std::move(place), std::move(message), std::move(help)});
}

bool Diagnostics::has_errors() const {
  for (const Finding& finding : findings_) {
    if (finding.severity == Finding::Severity::error) return true;
  }
  return false;
}

}  // namespace kiln
