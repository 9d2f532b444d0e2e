#include "runtime/buckets.hpp"

#include <algorithm>
#include <cmath>

namespace kiln {
namespace {

/// How far apart two inputs are, as logarithms.
double distance(const Shape& bucket, const Type& input) {
  if (!input.is_tensor() || !input.shape || input.shape->size() != bucket.size()) return 0;
  constexpr double share_of_dims = 0.1;  // a picture that is long and low takes about as long as a square one
  double elements = 0, dims = 0;
  for (size_t i = 0; i < bucket.size(); ++i) {
    const Dim& dim = (*input.shape)[i];
    if (!dim.is_known() || dim.value() == bucket[i]) continue;
    // One more, for dims may be 0.
    const double apart = std::log1p(static_cast<double>(dim.value())) - std::log1p(static_cast<double>(bucket[i]));
    elements += apart;
    dims += std::abs(apart);
  }
  return std::abs(elements) + share_of_dims * dims;
}

bool is_between(const Shape& least, const Shape& largest, const Type& input) {
  if (!input.is_tensor() || !input.shape) return true;
  const SymShape& shape = *input.shape;
  if (least.size() != shape.size() || largest.size() != shape.size()) return true;
  for (size_t i = 0; i < shape.size(); ++i) {
    const int64_t dim = shape[i].is_known() ? shape[i].value() : least[i];
    if (dim < least[i] || (largest[i] >= 0 && dim > largest[i])) return false;
  }
  return true;
}

}  // namespace

size_t nearest_bucket(std::span<const Bucket> buckets, std::span<const Type> inputs) {
  size_t nearest = 0;
  double least = INFINITY;
  for (size_t i = 0; i < buckets.size(); ++i) {
    double apart = 0;
    for (size_t input = 0; input < inputs.size() && input < buckets[i].inputs.size(); ++input) {
      apart += distance(buckets[i].inputs[input], inputs[input]);
    }
    if (apart < least) least = apart, nearest = i;
  }
  return nearest;
}

bool is_inside(std::span<const ShapeLimits> limits, std::span<const Type> inputs) {
  return limits.empty() || std::any_of(limits.begin(), limits.end(), [&](const ShapeLimits& profile) {
           for (size_t i = 0; i < inputs.size() && i < profile.least.size() && i < profile.largest.size(); ++i) {
             if (!is_between(profile.least[i], profile.largest[i], inputs[i])) return false;
           }
           return true;
         });
}

}  // namespace kiln
