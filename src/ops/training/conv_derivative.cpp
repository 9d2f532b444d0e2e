#include "ops/training/conv_derivative.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/support/axes.hpp"

namespace kiln::ops {
namespace {

struct Geometry {
  Shape input, kernel, output;                    ///< spatial extents
  std::vector<int64_t> strides, dilations, pads;  ///< pads at the beginning of each axis
};

std::vector<int64_t> list_or(std::span<const int64_t> given, size_t count, int64_t otherwise, const char* name) {
  if (given.empty()) return std::vector<int64_t>(count, otherwise);
  if (given.size() < count)
    fail(ErrorCode::invalid_model, "{} has {} elements, expected {}", name, given.size(), count);
  return {given.begin(), given.begin() + static_cast<std::ptrdiff_t>(count)};
}

Geometry read_geometry(const Derivation& d) {
  const auto spatial = [](const Shape& shape) { return Shape(shape.begin() + 2, shape.end()); };
  Geometry g{spatial(d.input(0).shape()), spatial(d.input(1).shape()), spatial(d.output(0).shape()), {}, {}, {}};
  const size_t rank = g.input.size();
  const NodeView& node = d.node();
  g.strides = list_or(node.attr_ints("strides"), rank, 1, "strides");
  g.dilations = list_or(node.attr_ints("dilations"), rank, 1, "dilations");
  const std::string mode = node.attr_string("auto_pad", "NOTSET");
  if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    for (size_t i = 0; i < rank; ++i) {
      const int64_t reach = (g.kernel[i] - 1) * g.dilations[i] + 1;
      const int64_t total = std::max<int64_t>(0, (g.output[i] - 1) * g.strides[i] + reach - g.input[i]);
      g.pads.push_back(mode == "SAME_UPPER" ? total / 2 : total - total / 2);
    }
  } else {
    g.pads = list_or(mode == "VALID" ? std::span<const int64_t>() : node.attr_ints("pads"), rank, 0, "pads");
  }
  return g;
}

/// Moves an index to the next place; false after the last one.
bool advance(std::vector<int64_t>& index, const Shape& extents) {
  for (size_t axis = extents.size(); axis-- > 0;) {
    if (++index[axis] < extents[axis]) return true;
    index[axis] = 0;
  }
  return false;
}

/// Calls body(output place, input place, kernel place) for each pair of elements that the convolution multiplies.
void for_each_product(const Geometry& g, FunctionRef<void(int64_t, int64_t, int64_t)> body) {
  if (product(g.output) == 0 || product(g.kernel) == 0) return;
  const size_t rank = g.input.size();
  std::vector<int64_t> at(rank, 0);
  int64_t output = 0;
  do {
    std::vector<int64_t> tap(rank, 0);
    int64_t kernel = 0;
    do {
      int64_t input = 0;
      bool inside = true;
      for (size_t i = 0; i < rank; ++i) {
        const int64_t place = at[i] * g.strides[i] + tap[i] * g.dilations[i] - g.pads[i];
        inside &= place >= 0 && place < g.input[i];
        input = input * g.input[i] + place;
      }
      if (inside) body(output, input, kernel);
      ++kernel;
    } while (advance(tap, g.kernel));
    ++output;
  } while (advance(at, g.output));
}

}  // namespace

void derive_conv(Derivation& d) {
  const Geometry g = read_geometry(d);
  const Dense x = d.x(0), w = d.x(1), gradient = d.gradient();
  Dense of_x(x.shape), of_w(w.shape);
  const int64_t batch = x.shape[0], channels = x.shape[1], filters = w.shape[0], per_group = w.shape[1];
  const int64_t groups = d.node().attr_int("group");
  if (groups < 1 || channels != per_group * groups || filters % groups != 0) {
    fail(ErrorCode::invalid_argument, "{} groups do not fit {} channels and {} filters", groups, channels, filters);
  }
  const int64_t inputs = product(g.input), outputs = product(g.output), taps = product(g.kernel);
  for_each_product(g, [&](int64_t output, int64_t input, int64_t kernel) {
    for (int64_t n = 0; n < batch; ++n) {
      for (int64_t f = 0; f < filters; ++f, stop_point(per_group)) {
        const double slope = gradient.at[static_cast<size_t>((n * filters + f) * outputs + output)];
        const int64_t first = f / (filters / groups) * per_group;
        for (int64_t k = 0; k < per_group; ++k) {
          const auto in_x = static_cast<size_t>((n * channels + first + k) * inputs + input);
          const auto in_w = static_cast<size_t>((f * per_group + k) * taps + kernel);
          of_x.at[in_x] += slope * w.at[in_w];
          of_w.at[in_w] += slope * x.at[in_x];
        }
      }
    }
  });
  d.give(0, of_x);
  d.give(1, of_w);
  if (d.wants(2)) {
    Shape bias(gradient.shape.size(), 1);
    bias[1] = filters;
    d.give(2, reshape(sum_to(gradient, bias), {filters}));
  }
}

}  // namespace kiln::ops
