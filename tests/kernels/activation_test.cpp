#include "kernels/epilogue.hpp"

#include <limits>

#include "kernels/reference.hpp"
#include "kernels/tile/tile.hpp"

namespace kiln::kernel_test {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

Epilogue epilogue_of(int activation) {
  Epilogue e;
  e.activation = static_cast<Activation>(activation);
  e.alpha = e.activation == Activation::clip ? -0.5f : 0.2f;
  e.beta = e.activation == Activation::clip ? 6.0f : 0.5f;
  return e;
}

/// A register's worth of copies of x through the pass over a tile; the first of them.
float through_pass(Isa isa, const Epilogue& e, float x) {
  float tile[16];
  for (float& value : tile) value = x;
  tile_table(isa).pass({e.activation, e.alpha, e.beta, tile, nullptr, 1, 0, 1, 0, 1, 0});
  return tile[0];
}

TEST(Activation, EqualsTheExactFunction) {
  for (int activation = 0; activation < activation_count; ++activation) {
    const Epilogue e = epilogue_of(activation);
    for (const Isa isa : usable_isas()) {
      for (double x = -30; x < 30; x += 0.0137) {
        const auto given = static_cast<float>(x);
        const double expected = activate_exactly(e, given), found = through_pass(isa, e, given);
        // Sums such as 1 + erf lose the low bits of small results, so small results have an absolute bound.
        EXPECT_NEAR(found, expected, 1e-6 * std::fmax(std::fabs(expected), std::fmin(1.0, std::fabs(x))))
            << isa_name(isa) << " activation " << activation << " of " << given;
      }
    }
  }
}

TEST(Activation, FarAndOddNumbers) {
  for (const Isa isa : usable_isas()) {
    for (int activation = 0; activation < activation_count; ++activation) {
      const Epilogue e = epilogue_of(activation);
      EXPECT_TRUE(std::isnan(through_pass(isa, e, NAN))) << isa_name(isa) << " activation " << activation;
      for (const float x : {-1000.0f, -100.0f, -88.0f, 88.0f, 100.0f, 1000.0f, 1e30f, 0.0f, 1e-30f}) {
        EXPECT_NEAR(through_pass(isa, e, x), activate_exactly(e, x), 1e-6 * std::fmax(1.0, std::fabs(x)))
            << isa_name(isa) << " activation " << activation << " of " << x;
      }
    }
    EXPECT_EQ(through_pass(isa, epilogue_of(static_cast<int>(Activation::sigmoid)), infinity), 1.0f);
    EXPECT_EQ(through_pass(isa, epilogue_of(static_cast<int>(Activation::sigmoid)), -infinity), 0.0f);
    EXPECT_EQ(through_pass(isa, epilogue_of(static_cast<int>(Activation::tanh)), -infinity), -1.0f);
    EXPECT_EQ(through_pass(isa, epilogue_of(static_cast<int>(Activation::relu)), infinity), infinity);
  }
}

}  // namespace
}  // namespace kiln::kernel_test
