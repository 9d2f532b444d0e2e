#include <bit>
#include <limits>

#include "kernels/gemm/fixed.hpp"
#include "kernels/gemm/walked_gemm.hpp"
#include "kernels/reference.hpp"

namespace kiln::kernel_test {
namespace {

template <class Kernel, class Pointers>
void run_gemm(const Kernel& kernel, int64_t parts, const Pointers& pointers) {
  std::vector<float> scratch(static_cast<size_t>(kernel.scratch_floats(parts)), NAN);
  for (int64_t phase = 0; phase < kernel.phases(); ++phase) {
    for (int64_t part = 0; part < parts; ++part) kernel.run_part(phase, part, parts, pointers, scratch.data());
  }
}

/// The rows of a matrix `step` apart, with rubbish between them; nothing of an undefined tensor.
std::vector<float> spread(const Tensor& x, int64_t step) {
  if (!x.defined()) return {};
  std::vector<float> to = rubbish(x.dim(0) * step);
  for (int64_t i = 0; i < x.dim(0); ++i) std::copy_n(x.data<float>() + i * x.dim(1), x.dim(1), to.data() + i * step);
  return to;
}

/// A random product with bias and epilogue, whose second matrix may be transposed, and what it should be.
struct GemmCase {
  GemmCase(Philox& rng, GemmProblem& problem) : p(problem) {
    p.epilogue = random_epilogue(rng);
    transposed = pick(rng, 0, 1) == 1;
    a = random_tensor(rng, {p.m, p.k}), bias = random_tensor(rng, {p.n});
    b = random_tensor(rng, transposed ? Shape{p.n, p.k} : Shape{p.k, p.n}, 1 / std::sqrt(p.k));
    expected = run_op("Gemm", {a, b, bias}, {}, {{"transB", transposed}});
    if (p.epilogue.residual != Residual::none) residual = random_tensor(rng, expected.shape());
    apply_epilogue(p.epilogue, expected, residual);
  }
  template <class Kernel>
  void pack(const Kernel& kernel, std::vector<float>& packed) const {
    kernel.pack(b.data<float>(), transposed ? 1 : p.n, transposed ? p.k : 1, bias.data<float>(), packed.data());
  }

  GemmProblem& p;
  bool transposed;
  Tensor a, b, bias, residual, expected;
};

TileTuning random_tuning(Philox& rng, int64_t most_band) {
  TileTuning tuning;
  tuning.blocks = static_cast<int>(pick(rng, 1, 4));
  tuning.band = pick(rng, 1, most_band);
  tuning.channels_outer = pick(rng, 0, 1) == 1;
  tuning.prefetch_weights = pick(rng, 0, 1) == 1;
  return tuning;
}

TEST(PackedGemm, EqualsTheReference) {
  Philox rng(41);
  for (int i = 0; i < 200; ++i) {
    GemmProblem p;
    p.m = i % 3 == 0 ? pick(rng, 1, 3) : pick(rng, 1, 70);
    p.n = pick(rng, 1, 150), p.k = pick(rng, 1, 100);
    const GemmCase test(rng, p);
    const TileTuning tuning = random_tuning(rng, 4);
    const int64_t parts = pick(rng, 1, 3);
    for (const Isa isa : usable_isas()) {
      for (const TileTuning& with : {tuning, PackedGemm::default_tuning(p, isa)}) {
        const PackedGemm kernel(p, isa, with);
        std::vector<float> packed = rubbish(kernel.packed_floats());
        test.pack(kernel, packed);
        Tensor c(DType::f32, {p.m, p.n});
        run_gemm(kernel, parts,
                 GemmPointers{test.a.data<float>(), packed.data(), c.mutable_data<float>(),
                              test.residual.defined() ? test.residual.data<float>() : nullptr});
        EXPECT_LT(worst_error(c, test.expected), 2e-5) << kernel.name() << " " << p.m << " x " << p.n << " x " << p.k
                                                       << " activation " << static_cast<int>(p.epilogue.activation);
      }
    }
  }
}

/// Runs a kernel with rows apart from each other, sees that nothing is written between them, and gives the error.
template <class Kernel>
double error_of(const Kernel& kernel, const GemmProblem& p, const GemmCase& test, int64_t parts) {
  const std::vector<float> in = spread(test.a, p.a_row), added = spread(test.residual, p.c_row);
  std::vector<float> packed = rubbish(kernel.packed_floats()), c = rubbish(p.m * p.c_row);
  test.pack(kernel, packed);
  run_gemm(kernel, parts, GemmPointers{in.data(), packed.data(), c.data(), added.empty() ? nullptr : added.data()});
  Tensor actual(DType::f32, {p.m, p.n});
  for (int64_t row = 0; row < p.m; ++row) {
    const float* const from = c.data() + row * p.c_row;
    std::copy_n(from, p.n, actual.mutable_data<float>() + row * p.n);
    for (int64_t j = p.n; j < p.c_row; ++j) EXPECT_EQ(from[j], 1e9f);
  }
  return worst_error(actual, test.expected);
}

TEST(FixedGemm, EqualsTheReference) {
  Philox rng(47);
  for (int i = 0; i < 120; ++i) {
    GemmProblem p;
    p.m = i % 3 == 0 ? 1 : pick(rng, 1, 15);
    p.n = pick(rng, 1, 200), p.k = pick(rng, 1, 300);
    if (i % 20 == 0) p.k = pick(rng, 1000, 2500);
    p.a_row = p.k + pick(rng, 0, 1) * 5, p.c_row = p.n + pick(rng, 0, 1) * 3;
    const GemmCase test(rng, p);
    const int64_t parts = pick(rng, 1, 3);
    for (const Isa isa : usable_isas()) {
      const FixedGemm kernel(p, isa);
      EXPECT_LT(error_of(kernel, p, test, parts), 2e-5) << kernel.name() << " " << p.m << " x " << p.n << " x " << p.k;
    }
  }
}

/// A unit matrix by weights of many sizes gives them back, as far as 24 bits of the largest hold them.
TEST(FixedGemm, RoundsToTheLastOf24Bits) {
  Philox rng(48);
  GemmProblem p;
  p.m = p.k = 90, p.n = 150;
  Tensor b = random_tensor(rng, {p.k, p.n});
  float* const weights = b.mutable_data<float>();
  for (int64_t i = 0; i < p.n; ++i) {
    float largest = 0;
    for (int64_t k = 0; k < p.k; ++k) {
      float& weight = weights[k * p.n + i];
      weight = std::ldexp(weight, static_cast<int>(i % 7) - 3);
      // Whole numbers over powers of two are kept as they are, at the ends of the range as well.
      if (i % 2 == 0) weight = std::round(weight * 4096) / 4096;
      if (i % 5 == 0) weight = std::copysign(1 - 0x1p-23f, weight);
      largest = std::max(largest, std::abs(weight));
    }
    weights[i] = i % 3 == 0 ? 0.0f : largest;
  }
  std::vector<float> a(static_cast<size_t>(p.m * p.k), 0.0f);
  for (int64_t i = 0; i < p.m; ++i) a[static_cast<size_t>(i * p.k + i)] = 1;
  ASSERT_TRUE(FixedGemm::fits(weights, p.n, 1, p.n, p.k));
  for (const Isa isa : usable_isas()) {
    const FixedGemm kernel(p, isa);
    std::vector<float> packed = rubbish(kernel.packed_floats()), c = rubbish(p.m * p.n);
    kernel.pack(weights, p.n, 1, nullptr, packed.data());
    run_gemm(kernel, 2, GemmPointers{a.data(), packed.data(), c.data()});
    for (int64_t i = 0; i < p.n; ++i) {
      float largest = 0;
      for (int64_t k = 0; k < p.k; ++k) largest = std::max(largest, std::abs(weights[k * p.n + i]));
      const bool is_exact = i % 2 == 0 || i % 5 == 0;
      for (int64_t k = 0; k < p.k; ++k) {
        const float found = c[static_cast<size_t>(k * p.n + i)], weight = weights[k * p.n + i];
        ASSERT_LE(std::abs(found - weight), is_exact ? 0 : largest * 0x1p-23f) << kernel.name() << " " << k << " " << i;
      }
    }
  }
}

TEST(FixedGemm, TellsWhatDoesNotFit) {
  Philox rng(49);
  constexpr int64_t n = 130, k = 64;
  Tensor b = random_tensor(rng, {n, k});
  float* const weights = b.mutable_data<float>();
  EXPECT_TRUE(FixedGemm::fits(weights, 1, k, n, k));
  std::vector<unsigned char> odd(static_cast<size_t>(n * k * 4) + 1);
  std::memcpy(odd.data() + 1, weights, odd.size() - 1);
  EXPECT_TRUE(FixedGemm::fits(odd.data() + 1, 1, k, n, k));
  GemmProblem p;
  p.n = n, p.k = k;
  const FixedGemm kernel(p, Isa::portable);
  std::vector<float> packed(static_cast<size_t>(kernel.packed_floats())), from_odd = packed;
  kernel.pack(weights, 1, k, nullptr, packed.data());
  kernel.pack(odd.data() + 1, 1, k, nullptr, from_odd.data());
  EXPECT_EQ(std::memcmp(packed.data(), from_odd.data(), packed.size() * sizeof(float)), 0);
  weights[129 * k + 3] = INFINITY;
  EXPECT_FALSE(FixedGemm::fits(weights, 1, k, n, k));
  weights[129 * k + 3] = 1;
  // Zeros are kept whatever the others are.
  for (int64_t i = 0; i < 60; ++i) weights[40 * k + i] = 0;
  EXPECT_TRUE(FixedGemm::fits(weights, 1, k, n, k));
  for (const float different : {2000.0f, -2000.0f, 1e30f, NAN}) {
    weights[50 * k + 5] = different;
    EXPECT_FALSE(FixedGemm::fits(weights, 1, k, n, k)) << different;
  }
  EXPECT_FALSE(FixedGemm::fits(weights, 1, 0, n, 0));
  p.k = 0;
  EXPECT_THROW(FixedGemm(p, Isa::portable), Error);
}

/// While ways are timed, weights are anything.
TEST(FixedGemm, StaysInsideWhateverTheWeights) {
  Philox rng(50);
  GemmProblem p;
  p.m = 2, p.n = 70, p.k = 33;
  const Tensor a = random_tensor(rng, {p.m, p.k});
  for (const Isa isa : usable_isas()) {
    const FixedGemm kernel(p, isa);
    std::vector<float> packed(static_cast<size_t>(kernel.packed_floats())), c = rubbish(p.m * p.n);
    for (float& x : packed) x = std::bit_cast<float>(rng.next_u32());
    run_gemm(kernel, 2, GemmPointers{a.data<float>(), packed.data(), c.data()});
  }
}

TEST(StrassenGemm, EqualsTheReference) {
  Philox rng(44);
  for (int i = 0; i < 120; ++i) {
    GemmProblem p;
    p.m = i % 4 == 0 ? pick(rng, 1, StrassenWalk::least_rows - 1) : pick(rng, StrassenWalk::least_rows, 110);
    p.n = pick(rng, 64, 300), p.k = i % 3 == 0 ? 64 * pick(rng, 1, 4) : pick(rng, 64, 200);
    p.a_row = p.k + pick(rng, 0, 1) * 5, p.c_row = p.n + pick(rng, 0, 1) * 3;
    const GemmCase test(rng, p);
    const TileTuning tuning = random_tuning(rng, 8);
    const int64_t parts = pick(rng, 1, 3);
    for (const Isa isa : usable_isas()) {
      const StrassenGemm kernel(p, isa, tuning);
      EXPECT_LT(error_of(kernel, p, test, parts), 5e-5) << kernel.name() << " " << p.m << " x " << p.n << " x " << p.k;
    }
  }
}

TEST(PairedGemm, EqualsTheReference) {
  Philox rng(45);
  for (int i = 0; i < 160; ++i) {
    GemmProblem p;
    p.m = i % 4 == 0 ? pick(rng, 1, 9) : pick(rng, 10, 80);
    p.n = pick(rng, 16, 150), p.k = i % 3 == 0 ? 48 * pick(rng, 1, 4) : pick(rng, 48, 200);
    if (i % 20 == 0) p.k = pick(rng, 1100, 3000);
    const bool in_turns = i % 40 == 0;
    if (in_turns) p.m = pick(rng, 1000, 1200), p.n = pick(rng, 16, 70);
    p.a_row = p.k + pick(rng, 0, 1) * 5, p.c_row = p.n + pick(rng, 0, 1) * 3;
    const GemmCase test(rng, p);
    TileTuning tuning = random_tuning(rng, 8);
    if (in_turns) tuning.channels_outer = true;
    const int64_t parts = pick(rng, 1, 3);
    for (const Isa isa : usable_isas()) {
      const PairedGemm kernel(p, isa, tuning);
      EXPECT_LT(error_of(kernel, p, test, parts), 2e-5) << kernel.name() << " " << p.m << " x " << p.n << " x " << p.k;
    }
  }
}

/// Rows and columns of all magnitudes, some of them with outliers and means: errors are relative to their norms.
TEST(PairedGemm, ErrorsAreRelativeToRowsAndColumns) {
  Philox rng(46);
  GemmProblem p;
  p.m = 60, p.n = 70, p.k = 411;
  Tensor a = random_tensor(rng, {p.m, p.k}), b = random_tensor(rng, {p.k, p.n});
  const auto row_size = [](int64_t i) { return static_cast<float>(std::pow(10.0, i % 25 - 12)); };
  for (int64_t i = 0; i < p.m; ++i) {
    float* const row = a.mutable_data<float>() + i * p.k;
    for (int64_t k = 0; k < p.k; ++k) {
      if (i % 3 == 1 && k % 50 < 2) row[k] *= 20;
      if (i % 3 == 2) row[k] = std::fabs(row[k]);
      row[k] *= row_size(i);
    }
  }
  for (int64_t k = 0; k < p.k; ++k) {
    for (int64_t j = 0; j < p.n; ++j) b.mutable_data<float>()[k * p.n + j] *= row_size(j + 7);
  }
  for (const Isa isa : usable_isas()) {
    const PairedGemm kernel(p, isa, PackedGemm::default_tuning(p, isa));
    std::vector<float> packed = rubbish(kernel.packed_floats());
    kernel.pack(b.data<float>(), p.n, 1, nullptr, packed.data());
    std::vector<float> c = rubbish(p.m * p.n);
    run_gemm(kernel, 2, GemmPointers{a.data<float>(), packed.data(), c.data()});
    double worst = 0;
    for (int64_t i = 0; i < p.m; ++i) {
      for (int64_t j = 0; j < p.n; ++j) {
        double sum = 0, of_row = 0, of_column = 0;
        for (int64_t k = 0; k < p.k; ++k) {
          const double x = a.data<float>()[i * p.k + k], y = b.data<float>()[k * p.n + j];
          sum += x * y, of_row += x * x, of_column += y * y;
        }
        worst = std::fmax(worst, std::fabs(c[static_cast<size_t>(i * p.n + j)] - sum) / std::sqrt(of_row * of_column));
      }
    }
    EXPECT_LT(worst, 3e-6) << kernel.name();
  }
}

/// What stands beside pairs is no part of them.
TEST(PairedGemm, InfinityBesidePairsStaysInfinity) {
  Philox rng(47);
  GemmProblem p;
  p.m = 3, p.n = 20, p.k = 48 + 14;
  Tensor a = random_tensor(rng, {p.m, p.k});
  const Tensor b = random_tensor(rng, {p.k, p.n});
  for (const int64_t k : {2, 17, 47, 50, 53}) {
    const float before = std::exchange(a.mutable_data<float>()[p.k + k], std::numeric_limits<float>::infinity());
    for (const Isa isa : usable_isas()) {
      const PairedGemm kernel(p, isa, PackedGemm::default_tuning(p, isa));
      std::vector<float> packed = rubbish(kernel.packed_floats()), c = rubbish(p.m * p.n);
      kernel.pack(b.data<float>(), p.n, 1, nullptr, packed.data());
      run_gemm(kernel, 2, GemmPointers{a.data<float>(), packed.data(), c.data()});
      for (int64_t i = 0; i < p.m; ++i) {
        for (int64_t j = 0; j < p.n; ++j) {
          const float found = c[static_cast<size_t>(i * p.n + j)];
          EXPECT_TRUE(i == 1 ? std::isinf(found) && std::signbit(found) == std::signbit(b.data<float>()[k * p.n + j])
                             : std::isfinite(found))
              << isa_name(isa) << " " << k << ": " << found << " at " << i << ", " << j;
        }
      }
    }
    a.mutable_data<float>()[p.k + k] = before;
  }
}

TEST(PackedGemm, WritesNothingBesideItsColumns) {
  Philox rng(42);
  GemmProblem p;
  p.m = 5, p.n = 7, p.k = 3, p.c_row = 9;
  const Tensor a = random_tensor(rng, {p.m, p.k}), b = random_tensor(rng, {p.k, p.n});
  for (const Isa isa : usable_isas()) {
    const PackedGemm kernel(p, isa, {});
    std::vector<float> packed = rubbish(kernel.packed_floats()), c = rubbish(p.m * p.c_row);
    kernel.pack(b.data<float>(), p.n, 1, nullptr, packed.data());
    run_gemm(kernel, 1, GemmPointers{a.data<float>(), packed.data(), c.data()});
    for (int64_t i = 0; i < p.m; ++i) {
      EXPECT_EQ(c[static_cast<size_t>(i * 9 + 7)], 1e9f);
      EXPECT_EQ(c[static_cast<size_t>(i * 9 + 8)], 1e9f);
    }
  }
}

TEST(BatchedGemm, EqualsTheReference) {
  Philox rng(43);
  for (int i = 0; i < 120; ++i) {
    BatchedGemmProblem p;
    p.outer = pick(rng, 1, 2), p.inner = pick(rng, 1, 3);
    p.m = pick(rng, 1, 40), p.n = pick(rng, 1, 70), p.k = pick(rng, 1, 50);
    p.scale = 0.5f;
    p.b_transposed = pick(rng, 0, 1) == 1;
    p.epilogue = random_epilogue(rng);
    p.a_row = p.k, p.a_inner = p.m * p.k, p.a_outer = p.inner * p.a_inner;
    p.b_row = p.b_transposed ? p.k : p.n, p.b_inner = p.k * p.n, p.b_outer = p.inner * p.b_inner;
    p.c_row = p.n, p.c_inner = p.m * p.n, p.c_outer = p.inner * p.c_inner;
    const Tensor a = random_tensor(rng, {p.outer, p.inner, p.m, p.k}, 1 / std::sqrt(p.k));
    const Tensor b = random_tensor(rng, {p.outer, p.inner, p.k, p.n});
    Tensor expected = run_op("MatMul", {a, b}, {});
    for (float& value : expected.mutable_elements<float>()) value *= p.scale;
    const Tensor residual = p.epilogue.residual == Residual::none ? Tensor() : random_tensor(rng, expected.shape());
    apply_epilogue(p.epilogue, expected, residual);
    const Tensor given = p.b_transposed ? run_op("Transpose", {b}, {{"perm", {0, 1, 3, 2}}}) : b;
    const int64_t parts = pick(rng, 1, 3);
    for (const Isa isa : usable_isas()) {
      const BatchedGemm kernel(p, isa, static_cast<int>(pick(rng, 0, 4)));
      Tensor c(DType::f32, expected.shape());
      run_gemm(kernel, parts,
               BatchedGemmPointers{a.data<float>(), given.data<float>(), c.mutable_data<float>(),
                                   residual.defined() ? residual.data<float>() : nullptr});
      EXPECT_LT(worst_error(c, expected), 2e-5) << kernel.name() << " " << p.m << " x " << p.n << " x " << p.k;
    }
  }
}

}  // namespace
}  // namespace kiln::kernel_test
