#include "kernels/conv/tap_zones.hpp"

#include <algorithm>

namespace kiln {
namespace {

/// One axis of a convolution.
struct Axis {
  int64_t size, outputs, kernel, stride, dilation, pad;

  /// The first tap from which on output `i` reads at `place` of the input or after it.
  int64_t first_tap(int64_t i, int64_t place) const {
    const int64_t away = place + pad - i * stride;
    return away <= 0 ? 0 : std::min(kernel, divide_up(away, dilation));
  }
  /// The output after `i` from which on that is another tap.
  int64_t next_output(int64_t i, int64_t place) const {
    const int64_t tap = first_tap(i, place);
    return tap == 0 ? outputs : std::min(outputs, divide_up(place + pad - (tap - 1) * dilation, stride));
  }
};

/// `least`: as many outputs cost what fewer would.
std::vector<TapZone> zones_of(const Axis& axis, int64_t least) {
  // What is saved must be worth more walks and smaller tiles.
  constexpr double most_left = 0.8;
  std::vector<TapZone> zones;
  double products = 0;
  for (int64_t i = 0; i < axis.outputs; i = zones.back().end) {
    const TapZone zone{i, std::min(axis.next_output(i, 0), axis.next_output(i, axis.size)), axis.first_tap(i, 0),
                       axis.first_tap(i, axis.size)};
    products += static_cast<double>(std::max(least, zone.end - zone.begin) * (zone.last_tap - zone.first_tap));
    zones.push_back(zone);
  }
  const auto all = static_cast<double>(std::max(least, axis.outputs) * axis.kernel);
  if (products > most_left * all) return {{0, axis.outputs, 0, axis.kernel}};
  return zones;
}

}  // namespace

std::vector<TapZone> row_zones(const ConvProblem& p) {
  constexpr int64_t few_lines = 2;
  return zones_of({p.height, p.out_height(), p.kernel_h, p.stride_h, p.dilation_h, p.pad_top}, few_lines);
}

std::vector<TapZone> column_zones(const ConvProblem& p) {
  constexpr int64_t full_tile = 6;
  return zones_of({p.width, p.out_width(), p.kernel_w, p.stride_w, p.dilation_w, p.pad_left}, full_tile);
}

double products_left(const ConvProblem& p) {
  const auto sum = [](const std::vector<TapZone>& zones) {
    int64_t products = 0;
    for (const TapZone& zone : zones) products += (zone.end - zone.begin) * (zone.last_tap - zone.first_tap);
    return static_cast<double>(products);
  };
  const auto all = static_cast<double>(p.out_height() * p.kernel_h * p.out_width() * p.kernel_w);
  return sum(row_zones(p)) * sum(column_zones(p)) / all;
}

}  // namespace kiln
