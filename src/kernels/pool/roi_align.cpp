#include "kernels/pool/roi_align.hpp"

#include <algorithm>
#include <limits>
#include <span>

#include "base/error.hpp"
#include "kernels/layout.hpp"

namespace kiln {
namespace {

/// Channels that share the tables of weights that a part makes.
constexpr int64_t table_channels = 64;
constexpr int64_t most_table_floats = 1 << 20;

/// An element of an axis that a bin is made of: what it weighs in all samples, or at most and at least in one.
struct Tap {
  int32_t at;  ///< -1 for none
  float weight, least;
};
constexpr int64_t tap_floats = sizeof(Tap) / sizeof(float);

/// Taps of a bin: as many as its samples lie between, and no more than there are elements.
int64_t bin_taps(int64_t ratio, int64_t image) { return ratio > 0 ? std::min(2 * ratio, image) : image; }

/// The taps of a region's bins along one axis, in memory of its user's.
class RegionTaps {
 public:
  static int64_t floats(int64_t bins, int64_t ratio, int64_t image) {
    return (bins * bin_taps(ratio, image) + image) * tap_floats + 2 * bins;
  }
  RegionTaps(float* memory, int64_t bins, int64_t ratio, int64_t image)
      : taps_(reinterpret_cast<Tap*>(memory)),
        line_(taps_ + bins * bin_taps(ratio, image)),
        bins_(reinterpret_cast<Bin*>(line_ + image)),
        count_(bins) {
    std::fill_n(line_, image, Tap{-1, 0, 0});
  }

  void fill(const ops::RoiSamples<float>& samples, bool takes_max) {
    int32_t count = 0;
    for (int64_t bin = 0; bin < count_; ++bin) {
      int32_t inside = 0;
      int64_t first = std::numeric_limits<int64_t>::max(), last = -1;
      samples.each(bin, [&](const auto& sample) {
        add(sample.low, 1 - sample.fraction, takes_max);
        add(sample.high, sample.fraction, takes_max);
        first = std::min(first, sample.low), last = std::max(last, sample.high);
        ++inside;
      });
      for (int64_t i = first; i <= last; ++i) {
        if (line_[i].at < 0) continue;
        taps_[count++] = line_[i];
        line_[i].at = -1;
      }
      bins_[bin] = {count, inside};
    }
  }
  std::span<const Tap> of(int64_t bin) const {
    const int32_t begin = bin == 0 ? 0 : bins_[bin - 1].end;
    return {taps_ + begin, taps_ + bins_[bin].end};
  }
  double inside(int64_t bin) const { return bins_[bin].inside; }  ///< how many of its samples are in the image

 private:
  struct Bin {
    int32_t end;  ///< of its taps
    int32_t inside;
  };

  void add(int64_t at, float weight, bool takes_max) {
    Tap& tap = line_[at];
    if (tap.at < 0) {
      tap = {static_cast<int32_t>(at), weight, weight};
    } else {
      tap.weight = takes_max ? std::max(tap.weight, weight) : tap.weight + weight;
      tap.least = std::min(tap.least, weight);
    }
  }

  Tap* taps_;
  Tap* line_;  ///< the elements of the axis, those of the bin that is being filled with its weights
  Bin* bins_;
  int64_t count_;
};

float mean_bin(const float* plane, int64_t width, std::span<const Tap> down, std::span<const Tap> across) {
  float sum = 0;
  for (const Tap& y : down) {
    const float* const line = plane + y.at * width;
    float part = 0;
    for (const Tap& x : across) part += x.weight * line[x.at];
    sum += y.weight * part;
  }
  return sum;
}

/// Of all products of an element and its weights the largest is that with the largest weight, or, where the element is
/// negative, with the least.
float max_bin(const float* plane, int64_t width, std::span<const Tap> down, std::span<const Tap> across, float best) {
  for (const Tap& y : down) {
    const float* const line = plane + y.at * width;
    for (const Tap& x : across) {
      const float value = line[x.at];
      best = std::max(best, (value < 0 ? y.least * x.least : y.weight * x.weight) * value);
    }
  }
  return best;
}

ops::RoiGrid<float> grid_of(const RoiAlignProblem& p, const float* region) {
  return {p.how, region, p.rows, p.columns, p.height, p.width};
}

int64_t down_floats(const RoiAlignProblem& p) { return RegionTaps::floats(p.rows, p.how.ratio, p.height); }
int64_t table_floats(const RoiAlignProblem& p) {
  return whole_lines(down_floats(p) + RegionTaps::floats(p.columns, p.how.ratio, p.width));
}

}  // namespace

RoiAlign::RoiAlign(const RoiAlignProblem& problem) : problem_(problem) {
  if (!can_do(problem)) {
    fail(ErrorCode::unsupported, "regions of {} x {} bins in images of {} x {}", problem.rows, problem.columns,
         problem.height, problem.width);
  }
}

bool RoiAlign::can_do(const RoiAlignProblem& p) {
  for (const int64_t dim : {p.height, p.width, p.rows, p.columns}) {
    if (dim < 1 || dim > most_table_floats) return false;
  }
  return table_floats(p) <= most_table_floats;
}

std::string RoiAlign::name() const { return problem_.how.takes_max ? "roi_align_f32_max" : "roi_align_f32_mean"; }

int64_t RoiAlign::scratch_floats(int64_t parts) const { return parts * table_floats(problem_); }

void RoiAlign::check(const float* regions, const int64_t* images) const {
  for (int64_t region = 0; region < problem_.regions; ++region) {
    ops::check_region_image(region, images[region], problem_.images);
    grid_of(problem_, regions + 4 * region);
  }
}

void RoiAlign::run_part(int64_t, int64_t part, int64_t parts, const RoiAlignPointers& p, float* scratch) const {
  const RoiAlignProblem& q = problem_;
  const int64_t chunks = divide_up(q.channels, table_channels);
  const auto [begin, end] = part_range(q.regions * chunks, part, parts);
  scratch += part * table_floats(q);
  RegionTaps down(scratch, q.rows, q.how.ratio, q.height);
  RegionTaps across(scratch + down_floats(q), q.columns, q.how.ratio, q.width);
  double count = 0;
  int64_t filled = -1;
  for (int64_t i = begin; i < end; ++i) {
    const int64_t region = i / chunks, first = i % chunks * table_channels;
    if (region != filled) {
      const ops::RoiGrid<float> grid = grid_of(q, p.regions + 4 * region);
      down.fill(grid.down, q.how.takes_max);
      across.fill(grid.across, q.how.takes_max);
      count = grid.down.count() * grid.across.count();
      filled = region;
    }
    const auto divisor = static_cast<float>(std::max(count, 1.0));
    for (int64_t c = first; c < std::min(first + table_channels, q.channels); ++c) {
      const float* const plane = p.in + (p.images[region] * q.channels + c) * q.height * q.width;
      float* out = p.out + (region * q.channels + c) * q.rows * q.columns;
      for (int64_t row = 0; row < q.rows; ++row) {
        for (int64_t column = 0; column < q.columns; ++column) {
          if (!q.how.takes_max) {
            *out++ = mean_bin(plane, q.width, down.of(row), across.of(column)) / divisor;
            continue;
          }
          // A sample outside the image counts as zero.
          const bool outside = count == 0 || down.inside(row) * across.inside(column) < count;
          const float least = outside ? 0 : -std::numeric_limits<float>::infinity();
          *out++ = max_bin(plane, q.width, down.of(row), across.of(column), least);
        }
      }
    }
  }
}

}  // namespace kiln
