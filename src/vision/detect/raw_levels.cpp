#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "vision/detect/boxes.hpp"
#include "vision/detect/heads.hpp"

namespace kiln::vision {

namespace {

/// Widths and heights, smallest stride first: of three levels, and of four.
constexpr float anchors_of_three[] = {10, 13, 16, 30, 33, 23, 30, 61, 62, 45, 59, 119, 116, 90, 156, 198, 373, 326};
constexpr float anchors_of_four[] = {19,  27,  44,  40,  38,  94,  96,  68,  86,  152, 180, 137,
                                     140, 301, 303, 264, 238, 542, 436, 615, 739, 380, 925, 792};

std::vector<float> anchors_for(size_t levels, const std::vector<float>& given) {
  if (!given.empty()) return given;
  if (levels == 3) return {std::begin(anchors_of_three), std::end(anchors_of_three)};
  if (levels == 4) return {std::begin(anchors_of_four), std::end(anchors_of_four)};
  fail(ErrorCode::invalid_argument,
       "the detector gave {} levels without anchors: there are standard ones for 3 and 4, others are expected in its "
       "metadata ('anchors') or options",
       levels);
}

/// One level: value `channel` of anchor `a` at `cell` is at a * per_anchor + channel * per_channel + cell * per_cell.
struct Level {
  const float* values;
  int64_t anchors, height, width, channels;
  int64_t per_anchor, per_channel, per_cell;

  const float* at(int64_t a, int64_t cell) const { return values + a * per_anchor + cell * per_cell; }
};

Level level_of(const Tensor& tensor, int64_t anchors) {
  const Shape& s = tensor.shape();
  Level level{tensor.data<float>(), anchors, 0, 0, 0, 0, 0, 0};
  if (s.size() == 5 && s[1] == anchors) {
    level = {level.values, anchors, s[2], s[3], s[4], s[2] * s[3] * s[4], 1, s[4]};
  } else if (s.size() == 4 && s[1] % anchors == 0) {
    const int64_t channels = s[1] / anchors;
    level = {level.values, anchors, s[2], s[3], channels, channels * s[2] * s[3], s[2] * s[3], 1};
  }
  if (level.channels < 6 || level.height < 1 || level.width < 1) {
    fail(ErrorCode::invalid_argument,
         "the detector gave a level {}, expected [1,{},height,width,5+classes] or [1,{}*(5+classes),height,width]: it "
         "has {} anchors",
         to_string(s), anchors, anchors, anchors);
  }
  return level;
}

float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

/// Whether the levels went through their sigmoid already.
bool is_activated(const std::vector<Level>& levels) {
  for (const Level& level : levels) {
    for (int64_t a = 0; a < level.anchors; ++a) {
      for (int64_t cell = 0; cell < level.height * level.width; ++cell) {
        const float objectness = level.at(a, cell)[4 * level.per_channel];
        if (objectness < 0 || objectness > 1) return false;
      }
    }
  }
  return true;
}

void read_level(const Level& level, const float* anchors, bool activated, const HeadSettings& settings,
                std::vector<Detection>& boxes) {
  const auto stride_x = static_cast<float>(settings.width) / static_cast<float>(level.width);
  const auto stride_y = static_cast<float>(settings.height) / static_cast<float>(level.height);
  const auto activate = [&](float value) { return activated ? value : sigmoid(value); };
  for (int64_t a = 0; a < level.anchors; ++a) {
    for (int64_t cell = 0; cell < level.height * level.width; ++cell) {
      const float* values = level.at(a, cell);
      const auto value = [&](int64_t channel) { return values[channel * level.per_channel]; };
      const float objectness = activate(value(4));
      if (!(objectness > settings.score_threshold)) continue;
      int64_t best = 5;
      for (int64_t c = 6; c < level.channels; ++c) best = value(c) > value(best) ? c : best;
      const float score = objectness * activate(value(best));
      if (!(score > settings.score_threshold)) continue;
      const float x = (activate(value(0)) * 2 - 0.5f + static_cast<float>(cell % level.width)) * stride_x;
      const float y = (activate(value(1)) * 2 - 0.5f + static_cast<float>(cell / level.width)) * stride_y;
      const float w = activate(value(2)) * 2, h = activate(value(3)) * 2;
      boxes.push_back(box_around(x, y, w * w * anchors[2 * a], h * h * anchors[2 * a + 1], score, best - 5));
    }
  }
}

}  // namespace

std::vector<Detection> read_raw_levels(const std::vector<Tensor>& levels, const HeadSettings& settings) {
  const std::vector<float> anchors = anchors_for(levels.size(), settings.anchors);
  const size_t of_level = anchors.size() / levels.size();
  if (anchors.empty() || anchors.size() % (2 * levels.size()) != 0) {
    fail(ErrorCode::invalid_argument,
         "{} anchor sides for {} levels: expected a width and a height for each anchor of "
         "each level",
         anchors.size(), levels.size());
  }
  std::vector<Level> list;
  for (const Tensor& level : levels) {
    list.push_back(level_of(level, static_cast<int64_t>(of_level / 2)));
    require_classes(list.back().channels - 5, settings.classes, level.shape());
  }
  // The finest first, as anchors are listed.
  std::stable_sort(list.begin(), list.end(), [](const Level& a, const Level& b) { return a.height > b.height; });
  const bool activated = is_activated(list);
  std::vector<Detection> boxes;
  for (size_t i = 0; i < list.size(); ++i) {
    read_level(list[i], anchors.data() + i * of_level, activated, settings, boxes);
  }
  return boxes;
}

}  // namespace kiln::vision
