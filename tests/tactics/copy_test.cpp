#include <algorithm>

#include "tactics/tactic_case.hpp"
#include "tactics/tactics.hpp"

namespace kiln::tactic_test {
namespace {

DType random_dtype(Philox& rng) {
  constexpr DType types[] = {DType::f32, DType::f32, DType::f32, DType::i64, DType::boolean, DType::f16, DType::c128};
  return types[pick(rng, 0, 6)];
}

/// [N,C,H,W] or [N,C,W] half of the time, for blocked formats.
Shape random_shape(Philox& rng, int64_t least_rank = 0) {
  const bool image = pick(rng, 0, 1) == 0;
  Shape shape(static_cast<size_t>(image ? pick(rng, 3, 4) : pick(rng, least_rank, 5)));
  for (int64_t& dim : shape) dim = pick(rng, pick(rng, 0, 50) == 0 ? 0 : 1, 7);
  if (image) shape[0] = pick(rng, 1, 2), shape[1] = pick(rng, 1, 45), shape.back() = pick(rng, 1, 30);
  return shape;
}

Input ints(std::vector<int64_t> values) { return {Tensor::vector(values), true}; }

/// Runs many random nodes; `make` makes one. Some of them must be done in each of `formats` ways.
template <class Make>
void check_many(const Tactic& tactic, uint64_t seed, size_t formats, Make&& make) {
  Philox rng(seed);
  size_t most = 0;
  for (const Isa isa : kernel_test::usable_isas()) {
    for (int i = 0; i < 300 && !testing::Test::HasFatalFailure(); ++i) {
      const TacticCase node = make(rng);
      most = std::max(most, node.check(tactic, rng, isa));
    }
  }
  EXPECT_EQ(most, formats);
}

TEST(CopyTactics, Transpose) {
  check_many(tactics::transpose_boxes, 1, 4, [](Philox& rng) {
    const Shape shape = random_shape(rng, 1);
    std::vector<int64_t> perm(shape.size());
    for (size_t i = 0; i < perm.size(); ++i) perm[i] = static_cast<int64_t>(i);
    for (size_t i = perm.size(); i > 1; --i) {
      std::swap(perm[i - 1], perm[static_cast<size_t>(pick(rng, 0, static_cast<int64_t>(i) - 1))]);
    }
    std::vector<Attribute> attributes;
    if (pick(rng, 0, 4) > 0) attributes.push_back(ints_attribute("perm", perm));
    return TacticCase("Transpose", {{random_bits(rng, random_dtype(rng), shape)}}, attributes);
  });
}

TEST(CopyTactics, Concat) {
  check_many(tactics::concat_boxes, 2, 4, [](Philox& rng) {
    Shape shape = random_shape(rng, 1);
    const int64_t axis = pick(rng, 0, static_cast<int64_t>(shape.size()) - 1);
    const DType dtype = random_dtype(rng);
    std::vector<Input> inputs;
    for (int64_t count = pick(rng, 1, 4); count > 0; --count) {
      shape[static_cast<size_t>(axis)] = pick(rng, pick(rng, 0, 50) == 0 ? 0 : 1, 20);
      if (axis == 1 && pick(rng, 0, 1) == 0) shape[1] *= 16;
      inputs.push_back({random_bits(rng, dtype, shape)});
    }
    return TacticCase("Concat", inputs, {int_attribute("axis", axis)});
  });
}

TEST(CopyTactics, Split) {
  check_many(tactics::split_boxes, 3, 4, [](Philox& rng) {
    Shape shape = random_shape(rng, 1);
    const int64_t axis = pick(rng, 0, static_cast<int64_t>(shape.size()) - 1);
    std::vector<int64_t> lengths(static_cast<size_t>(pick(rng, 1, 4)));
    int64_t sum = 0;
    for (int64_t& length : lengths) sum += length = pick(rng, pick(rng, 0, 20) == 0 ? 0 : 1, 9);
    shape[static_cast<size_t>(axis)] = sum;
    return TacticCase("Split", {{random_bits(rng, random_dtype(rng), shape)}, ints(lengths)},
                      {int_attribute("axis", axis - static_cast<int64_t>(shape.size()))}, lengths.size());
  });
}

TEST(CopyTactics, Slice) {
  check_many(tactics::slice_boxes, 4, 4, [](Philox& rng) {
    const Shape shape = random_shape(rng, 1);
    std::vector<int64_t> starts, ends, axes, steps;
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      if (pick(rng, 0, 2) == 0) continue;
      constexpr int64_t far = int64_t{1} << 40;
      starts.push_back(pick(rng, 0, 9) == 0 ? -far : pick(rng, -shape[axis] - 1, shape[axis] + 1));
      ends.push_back(pick(rng, 0, 3) == 0 ? far : pick(rng, -shape[axis] - 1, shape[axis] + 1));
      axes.push_back(static_cast<int64_t>(axis) - (pick(rng, 0, 1) == 0 ? 0 : static_cast<int64_t>(shape.size())));
      steps.push_back(pick(rng, 0, 1) == 0 ? 1 : pick(rng, 1, 3));
      if (pick(rng, 0, 4) == 0) {
        steps.back() = -steps.back();
        std::swap(starts.back(), ends.back());
      }
    }
    return TacticCase(
        "Slice", {{random_bits(rng, random_dtype(rng), shape)}, ints(starts), ints(ends), ints(axes), ints(steps)}, {});
  });
}

TEST(CopyTactics, Expand) {
  check_many(tactics::expand_boxes, 5, 4, [](Philox& rng) {
    Shape shape = random_shape(rng), to = shape;
    for (int64_t& dim : shape) {
      if (pick(rng, 0, 2) == 0) dim = 1;
    }
    if (pick(rng, 0, 2) == 0) to.insert(to.begin(), pick(rng, 1, 3));
    return TacticCase("Expand", {{random_bits(rng, random_dtype(rng), shape)}, ints(to)}, {});
  });
}

TEST(CopyTactics, Tile) {
  check_many(tactics::tile_boxes, 6, 4, [](Philox& rng) {
    const Shape shape = random_shape(rng, 1);
    std::vector<int64_t> repeats;
    for (size_t i = 0; i < shape.size(); ++i) repeats.push_back(pick(rng, 0, 1) == 0 ? 1 : pick(rng, 0, 3));
    return TacticCase("Tile", {{random_bits(rng, random_dtype(rng), shape)}, ints(repeats)}, {});
  });
}

TEST(CopyTactics, DepthToSpace) {
  for (const bool to_space : {true, false}) {
    check_many(to_space ? tactics::depth_to_space_boxes : tactics::space_to_depth_boxes, 7, 2, [&](Philox& rng) {
      const int64_t block = pick(rng, 1, 3);
      Shape shape{pick(rng, 1, 2), pick(rng, 1, 20), pick(rng, 1, 9), pick(rng, 1, 30)};
      if (to_space) {
        shape[1] *= block * block;
      } else {
        shape[2] *= block, shape[3] *= block;
      }
      return TacticCase(to_space ? "DepthToSpace" : "SpaceToDepth", {{random_bits(rng, random_dtype(rng), shape)}},
                        {int_attribute("blocksize", block),
                         string_attribute("mode", pick(rng, 0, 1) == 0 || !to_space ? "DCR" : "CRD")});
    });
  }
}

TEST(CopyTactics, Pad) {
  check_many(tactics::pad_boxes, 8, 4, [](Philox& rng) {
    Shape shape = random_shape(rng, 1);
    for (int64_t& dim : shape) dim = std::max<int64_t>(dim, 1);
    const auto rank = static_cast<int64_t>(shape.size());
    std::vector<int64_t> axes, begins, ends;
    for (int64_t axis = 0; axis < rank; ++axis) {
      if (pick(rng, 0, 1) == 0) continue;
      axes.push_back(pick(rng, 0, 1) == 0 ? axis : axis - rank);
      const int64_t extent = shape[static_cast<size_t>(axis)];
      begins.push_back(pick(rng, -extent / 3, 5));
      ends.push_back(pick(rng, -extent / 3, 9));
    }
    std::vector<int64_t> pads = begins;
    pads.insert(pads.end(), ends.begin(), ends.end());
    constexpr const char* modes[] = {"constant", "constant", "edge", "reflect", "wrap"};
    const DType dtype = random_dtype(rng);
    std::vector<Input> inputs{{random_bits(rng, dtype, shape)}, ints(pads), {}, ints(axes)};
    if (pick(rng, 0, 1) == 0) inputs[2].tensor = random_bits(rng, dtype, {});
    return TacticCase("Pad", inputs, {string_attribute("mode", modes[pick(rng, 0, 4)])});
  });
}

Shape random_images(Philox& rng) {
  Shape shape(static_cast<size_t>(pick(rng, 3, 4)));
  for (int64_t& dim : shape) dim = pick(rng, 1, 9);
  shape[1] = pick(rng, 1, 60);
  return shape;
}

TEST(CopyTactics, ConcatChannels) {
  check_many(tactics::concat_channels, 9, 1, [](Philox& rng) {
    Shape shape = random_images(rng);
    std::vector<Input> inputs;
    for (int64_t count = pick(rng, 1, 6); count > 0; --count) {
      shape[1] = pick(rng, 1, 40);
      inputs.push_back({random_bits(rng, DType::f32, shape)});
    }
    return TacticCase("Concat", inputs, {int_attribute("axis", 1)});
  });
}

TEST(CopyTactics, ConcatChannelsOfManyInputsHasNoBands) {
  Philox rng(12);
  for (const size_t count : {32, 33, 70}) {
    const std::vector<Input> inputs(count, {random_bits(rng, DType::f32, {1, 1, 2, 2})});
    const TacticCase test("Concat", inputs, {int_attribute("axis", 1)});
    EXPECT_EQ(tactics::concat_channels.rows(test.problem(Isa::portable), {}).has_value(), count <= 32);
    EXPECT_GT(test.check(tactics::concat_channels, rng, Isa::portable), 0u);
  }
}

TEST(CopyTactics, SplitChannels) {
  check_many(tactics::split_channels, 10, 1, [](Philox& rng) {
    Shape shape = random_images(rng);
    std::vector<int64_t> lengths(static_cast<size_t>(pick(rng, 1, 5)));
    shape[1] = 0;
    for (int64_t& length : lengths) shape[1] += length = pick(rng, 1, 40);
    return TacticCase("Split", {{random_bits(rng, DType::f32, shape)}, ints(lengths)}, {int_attribute("axis", 1)},
                      lengths.size());
  });
}

TEST(CopyTactics, SliceChannels) {
  check_many(tactics::slice_channels, 11, 1, [](Philox& rng) {
    const Shape shape = random_images(rng);
    const int64_t start = pick(rng, 0, shape[1] - 1), end = pick(rng, start + 1, shape[1] + 3);
    return TacticCase(
        "Slice",
        {{random_bits(rng, DType::f32, shape)}, ints({start - (pick(rng, 0, 1) * shape[1])}), ints({end}), ints({1})},
        {});
  });
}

}  // namespace
}  // namespace kiln::tactic_test
