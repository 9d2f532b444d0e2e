#pragma once

#include <functional>
#include <string>

#include "cli/json.hpp"
#include "kiln/tensor.hpp"

namespace kiln::cli {

/// What the numbers of a tensor are like; a complex number counts by its magnitude.
struct Summary {
  double min = 0, max = 0, mean = 0;
  int64_t not_finite = 0;  ///< NaN and infinities, which min, max and mean leave out
  int64_t counted = 0;     ///< elements that they are made of
};

bool is_numeric(const Tensor& tensor);  ///< all but strings
Summary summarise(const Tensor& tensor);
/// One element as a person reads it: 0.5, true, "text", 1+2i.
std::string element_text(const Tensor& tensor, int64_t index);
Json element_json(const Tensor& tensor, int64_t index);
/// "[0.1, 0.2, 0.3, ...]": at most `most` elements of the flattened tensor.
std::string first_elements(const Tensor& tensor, int64_t most);

}  // namespace kiln::cli
