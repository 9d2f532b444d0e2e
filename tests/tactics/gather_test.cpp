#include <algorithm>
#include <limits>

#include "tactics/tactic_case.hpp"
#include "tactics/tactics.hpp"

namespace kiln::tactic_test {
namespace {

Tensor random_indices(Philox& rng, const Shape& shape, int64_t extent) {
  const bool wide = pick(rng, 0, 1) == 0;
  Tensor indices(wide ? DType::i64 : DType::i32, shape);
  for (int64_t i = 0; i < indices.size(); ++i) {
    const int64_t index = pick(rng, -extent, extent - 1);
    if (wide) {
      indices.mutable_data<int64_t>()[i] = index;
    } else {
      indices.mutable_data<int32_t>()[i] = static_cast<int32_t>(index);
    }
  }
  return indices;
}

Shape random_shape(Philox& rng, int64_t least_rank, int64_t most) {
  Shape shape(static_cast<size_t>(pick(rng, least_rank, 4)));
  for (int64_t& dim : shape) dim = pick(rng, 1, most);
  return shape;
}

DType random_dtype(Philox& rng) {
  constexpr DType types[] = {DType::f32, DType::i64, DType::u8, DType::f16, DType::c128};
  return types[pick(rng, 0, 4)];
}

TEST(GatherTactics, Gather) {
  Philox rng(21);
  for (int i = 0; i < 400; ++i) {
    Shape shape = random_shape(rng, 1, 9);
    if (i % 20 == 0) shape.back() = pick(rng, 1, 3000);
    const int64_t axis = pick(rng, 0, static_cast<int64_t>(shape.size()) - 1);
    const Tensor indices = random_indices(rng, random_shape(rng, 0, 4), shape[static_cast<size_t>(axis)]);
    const TacticCase node("Gather", {{random_bits(rng, random_dtype(rng), shape)}, {indices, pick(rng, 0, 1) == 0}},
                          {int_attribute("axis", axis - (pick(rng, 0, 1) * static_cast<int64_t>(shape.size())))});
    ASSERT_EQ(node.check(tactics::gather_rows, rng, best_isa()), 1u);
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(GatherTactics, GatherElements) {
  Philox rng(22);
  size_t done = 0;
  for (int i = 0; i < 400; ++i) {
    const Shape shape = random_shape(rng, 1, 9);
    const int64_t axis = pick(rng, 0, static_cast<int64_t>(shape.size()) - 1);
    Shape picked = shape;
    picked[static_cast<size_t>(axis)] = pick(rng, 0, 12);
    const Tensor indices = random_indices(rng, picked, shape[static_cast<size_t>(axis)]);
    const TacticCase node("GatherElements", {{random_bits(rng, random_dtype(rng), shape)}, {indices}},
                          {int_attribute("axis", axis)});
    done += node.check(tactics::gather_elements, rng, best_isa());
    if (testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(done, 200u);
}

TEST(GatherTactics, RefuseIndicesOutOfRange) {
  Philox rng(23);
  const Tensor data = random_bits(rng, DType::f32, {3, 4});
  for (const int64_t bad : {3, -4}) {
    Tensor indices = Tensor::vector<int64_t>({0, 0});
    TacticCase node("Gather", {{data}, {indices}}, {int_attribute("axis", 0)});
    indices.mutable_data<int64_t>()[1] = bad;  // the node's copy shares the elements
    node.check_refuses(tactics::gather_rows, best_isa());
  }
  Tensor constant = Tensor::vector<int32_t>({0, 0});
  const TacticCase node("Gather", {{data}, {constant, true}}, {int_attribute("axis", 0)});
  constant.mutable_data<int32_t>()[1] = 7;
  EXPECT_EQ(tactics::gather_rows.declines(node.problem(best_isa())), "an index out of range");
}

/// Values at and around the borders of the types, and ordinary ones.
Tensor awkward_numbers(Philox& rng, DType dtype) {
  Tensor values(DType::f64, {pick(rng, 0, 300)});
  for (double& x : values.mutable_elements<double>()) {
    constexpr double borders[] = {0.0, -0.0, 0.5, 1, 127, 128, 255, 256, 0x1p31, 0x1p63, 0x1p24, 65504, 65520, 1e-7};
    const double base = pick(rng, 0, 1) == 0 ? rng.normal() * 100 : borders[pick(rng, 0, 13)];
    x = (base + static_cast<double>(pick(rng, -1, 1)) / 2) * (pick(rng, 0, 1) == 0 ? 1 : -1);
    if (pick(rng, 0, 20) == 0) x = std::numeric_limits<double>::infinity();
    if (pick(rng, 0, 20) == 0) x = std::numeric_limits<double>::quiet_NaN();
  }
  const TacticCase node("Cast", {{values}}, {int_attribute("to", static_cast<int64_t>(dtype))});
  return node.expected()[0];
}

TEST(CastTactics, AllPairs) {
  Philox rng(24);
  constexpr DType types[] = {DType::f32, DType::f64,     DType::i64, DType::i32, DType::u8,
                             DType::i8,  DType::boolean, DType::f16, DType::bf16};
  size_t done = 0;
  for (const Isa isa : kernel_test::usable_isas()) {
    for (const DType from : types) {
      for (const DType to : types) {
        for (int i = 0; i < 5 && from != to; ++i) {
          const TacticCase node("Cast", {{awkward_numbers(rng, from)}},
                                {int_attribute("to", static_cast<int64_t>(to))});
          done += node.check(tactics::cast_loops, rng, isa);
          if (testing::Test::HasFatalFailure()) FAIL() << dtype_name(from) << " to " << dtype_name(to);
        }
      }
    }
  }
  EXPECT_GE(done, 46 * 5 * kernel_test::usable_isas().size());
}

}  // namespace
}  // namespace kiln::tactic_test
