#include "base/nearest.hpp"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace kiln {
namespace {

/// No name worth suggesting is longer, and comparing costs the product of both lengths.
constexpr size_t longest_name = 200;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// How many letters must be put in, taken out or changed to make one text of the other; upper and lower case are one.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t changed = diagonal + (lower(a[i]) == lower(b[j]) ? 0 : 1);
      diagonal = std::exchange(row[j + 1], std::min({changed, row[j] + 1, row[j + 1] + 1}));
    }
  }
  return row.back();
}

}  // namespace

std::string_view nearest_name(std::span<const std::string_view> names, std::string_view wanted) {
  std::string_view nearest;
  if (wanted.size() > longest_name) return nearest;
  size_t least = std::clamp<size_t>(wanted.size() / 2 + 1, 2, 4);
  for (std::string_view name : names) {
    if (name.size() > longest_name) continue;
    if (const size_t distance = edit_distance(name, wanted); distance < least) {
      nearest = name;
      least = distance;
    }
  }
  return nearest;
}

std::string suggestion(std::span<const std::string_view> names, std::string_view wanted) {
  const std::string_view nearest = nearest_name(names, wanted);
  return nearest.empty() ? std::string() : "; is '" + std::string(nearest) + "' meant?";
}

}  // namespace kiln
