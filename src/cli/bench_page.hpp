#pragma once

#include <string>
#include <vector>

namespace kiln::cli {

/// A page of `kiln bench` that needs nothing else: what was measured and where, then the body.
std::string bench_page(const std::string& model, const std::vector<std::string>& inputs, const std::string& body);

}  // namespace kiln::cli
