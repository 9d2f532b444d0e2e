#pragma once

#include <cstdint>

#include "base/stop_point.hpp"

namespace kiln::ops {

struct Moments {
  double mean, variance;  ///< the population variance
};

/// Of `count` neighbouring elements, in two passes.
template <class T>
Moments moments_of(const T* elements, int64_t count) {
  double sum = 0, squares = 0;
  in_pieces(count, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) sum += static_cast<double>(elements[i]);
  });
  const double mean = sum / static_cast<double>(count);
  in_pieces(count, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const double deviation = static_cast<double>(elements[i]) - mean;
      squares += deviation * deviation;
    }
  });
  return {mean, squares / static_cast<double>(count)};
}

}  // namespace kiln::ops
