#include <algorithm>

#include "base/cpu.hpp"
#include "kernels/gemm/fixed.hpp"
#include "kernels/gemm/walked_gemm.hpp"
#include "tactics/kernel_work.hpp"
#include "tactics/row_problem.hpp"
#include "tactics/tactics.hpp"
#include "tactics/tile_tuning.hpp"

namespace kiln {
namespace {

/// A product as a matrix times a constant matrix: MatMul of any rank with constant 2-D weights, or Gemm.
struct Product {
  int64_t m = 1, n = 1, k = 1;
  bool b_transposed = false;
  bool ok = false;
};

Product constant_product(const Problem& p) {
  Product product;
  const Shape& a = p.inputs[0].shape;
  const Shape& b = p.inputs[1].shape;
  if (b.size() != 2 || a.empty()) return product;
  if (p.anchor().op_type == "Gemm") {
    const NodeView node = p.view();
    if (node.attr_int("transA") != 0 || node.attr_float("alpha") != 1 || a.size() != 2) return product;
    if (p.has_input(2) && node.attr_float("beta") != 1) return product;
    product.b_transposed = node.attr_int("transB") != 0;
  }
  if (p.group->turned) product.b_transposed = true;
  product.k = a.back();
  product.n = product.b_transposed ? b[0] : b[1];
  for (size_t i = 0; i + 1 < a.size(); ++i) product.m *= a[i];
  product.ok = product.m > 0 && product.n > 0 && product.k > 0;
  return product;
}

/// A constant that is added to every row: one number, or one for each column.
bool is_row(const TensorSpec& spec, int64_t n) {
  if (spec.constant == nullptr || !is_f32(spec)) return false;
  const int64_t size = element_count(spec.shape);
  return size == 1 || (size == n && spec.shape.back() == n);
}

std::string decline_residual(const Problem& p) {
  if (p.group->residual < 0) return "";
  const TensorSpec& residual = p.inputs[static_cast<size_t>(p.group->residual)];
  return is_f32(residual) && residual.shape == p.outputs[0].shape ? "" : "a residual of another shape";
}

std::string decline_packed(const Problem& p) {
  if (!is_f32(p.inputs[0]) || !is_f32(p.inputs[1])) return "not f32";
  if (p.inputs[1].constant == nullptr) return "no constant matrix";
  const Product product = constant_product(p);
  if (!product.ok) return "not a plain product with a constant matrix";
  if (p.has_input(2) && !is_row(p.inputs[2], product.n)) return "an addend that is no constant row";
  return decline_residual(p);
}

GemmProblem gemm_problem(const Problem& p) {
  const Product product = constant_product(p);
  GemmProblem g;
  g.m = product.m, g.n = product.n, g.k = product.k;
  g.epilogue = p.epilogue();
  return g;
}

constexpr uint32_t matrix_and_row = 0b110;

double packed_cost(const Problem& p, const Tuning&) {
  const GemmProblem g = gemm_problem(p);
  const int64_t block = block_of(p.isa);
  const double wide = static_cast<double>(divide_up(g.n, block) * block);
  const double arithmetic =
      arithmetic_seconds(static_cast<double>(g.m) * static_cast<double>(g.k) * wide, p.isa, g.m < 6 ? 0.3 : 0.87);
  const double reading = weight_seconds(p, static_cast<double>(g.k) * wide * 4);
  return std::max(arithmetic, reading);
}

std::vector<Tuning> packed_tunings(const Problem& p) {
  const GemmProblem g = gemm_problem(p);
  const TileTuning best = PackedGemm::default_tuning(g, p.isa);
  std::vector<TileTuning> all{best};
  const int most = static_cast<int>(std::min<int64_t>(4, divide_up(g.n, block_of(p.isa))));
  for (int blocks = std::min(2, most); blocks <= most; ++blocks) {
    for (const int64_t band : {4, 1000}) {
      for (const bool prefetch : {false, true}) {
        TileTuning t = best;
        t.blocks = blocks, t.band = band, t.prefetch_weights = prefetch;
        all.push_back(t);
      }
    }
  }
  return unique_tunings(all);
}

/// The row that is added, one number for each column.
std::vector<float> full_row(const Problem& p, int64_t n) {
  std::vector<float> row(static_cast<size_t>(n), 0.0f);
  if (!p.has_input(2)) return row;
  const auto given = p.inputs[2].constant->elements<float>();
  for (size_t i = 0; i < row.size(); ++i) row[i] = given[given.size() == 1 ? 0 : i];
  return row;
}

template <class Kernel>
void pack_matrix(const Problem& p, const Tuning& tuning, float* to) {
  const Product product = constant_product(p);
  const std::vector<float> row = full_row(p, product.n);
  const float* b = p.inputs[1].constant->data<float>();
  Kernel(gemm_problem(p), p.isa, tile_tuning(tuning))
      .pack(b, product.b_transposed ? 1 : product.n, product.b_transposed ? product.k : 1, row.data(), to);
}

template <class Kernel>
int64_t packed_matrix_floats(const Problem& p, const Tuning& tuning) {
  return Kernel(gemm_problem(p), p.isa, tile_tuning(tuning)).packed_floats();
}

auto gemm_pointers(const Problem& p) {
  return [residual = p.group->residual](const WorkPointers& w) -> GemmPointers {
    return {input_floats(w, 0), w.packed, output_floats(w, 0), residual_floats(w, residual)};
  };
}

template <class Kernel>
std::unique_ptr<Work> prepare_packed(const Problem& p, const Layouts&, const Tuning& tuning) {
  return kernel_work(Kernel(gemm_problem(p), p.isa, tile_tuning(tuning)), gemm_pointers(p));
}

template <class Kernel>
std::string decline_walked(const Problem& p) {
  if (std::string why = decline_packed(p); !why.empty()) return why;
  const Product product = constant_product(p);
  return Kernel::can_do(product.n, product.k) ? "" : "a small matrix";
}

// ---- seven products of quarters instead of eight ------------------------------------------------------------------

double strassen_cost(const Problem& p, const Tuning&) {
  const GemmProblem g = gemm_problem(p);
  const double m = static_cast<double>(g.m), k = static_cast<double>(g.k);
  const double wide = static_cast<double>(divide_up(g.n, block_of(p.isa)) * block_of(p.isa));
  const bool quartered = g.m >= StrassenWalk::least_rows;
  const double arithmetic =
      arithmetic_seconds((quartered ? 7.0 / 8 : 1.0) * m * k * wide, p.isa, g.m < 6 ? 0.28 : 0.86);
  // Sums of A's quarters, of packed weights, and of products.
  const double sums =
      quartered ? memory_seconds(m * k * 8) + arithmetic_seconds((2 * k + 4 * m) * wide, p.isa, 0.3) : 0;
  return std::max(arithmetic, weight_seconds(p, 4 * k * wide)) + sums;
}

std::vector<Tuning> strassen_tunings(const Problem& p) {
  std::vector<TileTuning> all;
  for (const bool prefetch : {true, false}) {
    for (const int blocks : {3, 4, 2}) {
      TileTuning t;
      t.blocks = std::min(blocks, tile_table(p.isa).blocks);
      t.band = 16;
      t.prefetch_weights = prefetch;
      t.channels_outer = true;
      all.push_back(t);
    }
  }
  return unique_tunings(all);
}

// ---- products in pairs: one multiplication and two additions for two multiplications -------------------------------

double paired_cost(const Problem& p, const Tuning&) {
  const GemmProblem g = gemm_problem(p);
  const double m = static_cast<double>(g.m), k = static_cast<double>(g.k);
  const double wide = static_cast<double>(divide_up(g.n, block_of(p.isa)) * block_of(p.isa));
  const double arithmetic = arithmetic_seconds(m * k * wide, p.isa, g.m < 6 ? 0.28 : paired_share(p.isa));
  return std::max(arithmetic, weight_seconds(p, 4 * k * wide)) + memory_seconds(m * k * 8) * 0.5;
}

std::vector<Tuning> paired_tunings(const Problem& p) {
  const GemmProblem g = gemm_problem(p);
  std::vector<TileTuning> all;
  const bool far = 4 * g.k * g.n > cache_sizes().l2 / 2;
  for (const bool channels_outer : {far, !far}) {
    for (const bool prefetch : {true, false}) {
      if (prefetch && !channels_outer) continue;
      for (const int blocks : {3, 4, 2}) {
        TileTuning t;
        t.blocks = blocks;
        t.band = 4;
        t.prefetch_weights = prefetch;
        t.channels_outer = channels_outer;
        all.push_back(t);
      }
    }
  }
  return unique_tunings(all);
}

// ---- weights in fixed point -----------------------------------------------------------------------------------------

std::string decline_fixed(const Problem& p) {
  if (std::string why = decline_packed(p); !why.empty()) return why;
  const Product product = constant_product(p);
  return FixedGemm::can_do(product.n, product.k) ? "" : "too large a matrix";
}

/// For more rows arithmetic takes the time, and what lies in a cache comes fast enough as it is.
std::string decline_fixed_weights(const Problem& p) {
  constexpr int64_t most_rows = 4, least_bytes = 1 << 20;
  const Product product = constant_product(p);
  if (product.m > most_rows) return "more than a few rows";
  if (!p.far_weights || product.n * product.k < least_bytes / 4) return "weights that are near";
  const bool fits = FixedGemm::fits(p.inputs[1].constant->raw(), product.b_transposed ? 1 : product.n,
                                    product.b_transposed ? product.k : 1, product.n, product.k);
  return fits ? "" : "weights of too different size";
}

double fixed_cost(const Problem& p, const Tuning&) {
  const GemmProblem g = gemm_problem(p);
  const double weights = static_cast<double>(g.k) * static_cast<double>(divide_up(g.n, fixed_columns)) *
                         static_cast<double>(fixed_columns);
  // Making floats of the weights takes about as long as some rows, and is done anew for every few of them.
  const double rows = static_cast<double>(g.m) + 4 * static_cast<double>(divide_up(g.m, fixed_most_rows));
  const double arithmetic = arithmetic_seconds(rows * weights, p.isa, 0.6);
  return std::max(arithmetic, weight_seconds(p, weights * fixed_step_bytes / fixed_columns));
}

FixedGemm fixed_kernel(const Problem& p) { return {gemm_problem(p), p.isa}; }

void pack_fixed(const Problem& p, const Tuning&, float* to) {
  const Product product = constant_product(p);
  const std::vector<float> row = full_row(p, product.n);
  fixed_kernel(p).pack(p.inputs[1].constant->raw(), product.b_transposed ? 1 : product.n,
                       product.b_transposed ? product.k : 1, row.data(), to);
}

// ---- both matrices computed ---------------------------------------------------------------------------------------

/// MatMul of equal ranks whose batches can be walked as outer x inner with fixed distances.
bool batched_problem(const Problem& p, BatchedGemmProblem& g) {
  const Shape& a = p.inputs[0].shape;
  const Shape& b = p.inputs[1].shape;
  g = {};
  g.epilogue = p.epilogue();
  if (p.anchor().op_type == "Gemm") {
    const NodeView node = p.view();
    if (node.attr_int("transA") != 0 || p.has_input(2)) return false;
    g.b_transposed = node.attr_int("transB") != 0;
    g.scale = node.attr_float("alpha");
  }
  if (a.size() < 2 || b.size() < 2) return false;
  g.m = a[a.size() - 2], g.k = a.back();
  g.n = g.b_transposed ? b[b.size() - 2] : b.back();
  g.a_row = g.k, g.b_row = b.back(), g.c_row = g.n;
  if (g.m < 1 || g.n < 1 || g.k < 1) return false;
  const Shape& y = p.outputs[0].shape;
  const size_t batch_rank = y.size() - 2;
  int64_t batches = 1;
  for (size_t i = 0; i < batch_rank; ++i) batches *= y[i];
  const auto batch_of = [&](const Shape& shape) {
    int64_t count = 1;
    for (size_t i = 0; i + 2 < shape.size(); ++i) count *= shape[i];
    return count;
  };
  // Each side has all the batches or one.
  const int64_t of_a = batch_of(a), of_b = batch_of(b);
  if ((of_a != batches && of_a != 1) || (of_b != batches && of_b != 1)) return false;
  g.inner = batches;
  g.a_inner = of_a == 1 ? 0 : g.m * g.k;
  g.b_inner = of_b == 1 ? 0 : b[b.size() - 2] * b.back();
  g.c_inner = g.m * g.n;
  return batches > 0;
}

std::string decline_dynamic(const Problem& p) {
  if (!is_f32(p.inputs[0]) || !is_f32(p.inputs[1])) return "not f32";
  if (p.group->turned) return "a constant matrix";
  BatchedGemmProblem g;
  if (!batched_problem(p, g)) return "not batches of products with fixed distances";
  if (p.has_input(2)) return "an addend";
  return decline_residual(p);
}

BatchedGemmProblem batched(const Problem& p) {
  BatchedGemmProblem g;
  batched_problem(p, g);
  return g;
}

double dynamic_cost(const Problem& p, const Tuning&) {
  const BatchedGemmProblem g = batched(p);
  const double batches = static_cast<double>(g.inner);
  const double matrix = static_cast<double>(g.k) * static_cast<double>(g.n);
  return arithmetic_seconds(batches * static_cast<double>(g.m) * matrix, p.isa, 0.7) +
         memory_seconds(batches * matrix * 8) + memory_seconds(bytes_moved(p)) * 0.3;
}

std::vector<Tuning> dynamic_tunings(const Problem&) { return {Tuning{}, Tuning{{2}}, Tuning{{4}}}; }

}  // namespace

namespace tactics {

constinit const Tactic gemm_packed{
    .name = "gemm_packed",
    .declines = decline_packed,
    .formats = plain_only,
    .tunings = packed_tunings,
    .cost = packed_cost,
    .prepare = prepare_packed<PackedGemm>,
    .packs = matrix_and_row,
    .packed_floats = packed_matrix_floats<PackedGemm>,
    .pack = pack_matrix<PackedGemm>,
    .packed_by = tile_packed_by,
    .in_place = residual_place,
    .describe = describe_tile_tuning,
};

constinit const Tactic gemm_fixed{
    .name = "gemm_fixed",
    .declines = decline_fixed,
    .declines_weights = decline_fixed_weights,
    .formats = plain_only,
    .tunings = no_tuning,
    .cost = fixed_cost,
    .prepare = [](const Problem& p, const Layouts&, const Tuning&) -> std::unique_ptr<Work> {
      return kernel_work(fixed_kernel(p), gemm_pointers(p));
    },
    .packs = matrix_and_row,
    .packs_askew = 1u << 1,
    .packed_floats = [](const Problem& p, const Tuning&) { return fixed_kernel(p).packed_floats(); },
    .pack = pack_fixed,
    .in_place = residual_place,
    .approximates = true,
};

constinit const Tactic gemm_strassen{
    .name = "gemm_strassen",
    .declines = decline_walked<StrassenGemm>,
    .formats = plain_only,
    .tunings = strassen_tunings,
    .cost = strassen_cost,
    .prepare = prepare_packed<StrassenGemm>,
    .packs = matrix_and_row,
    .packed_floats = packed_matrix_floats<StrassenGemm>,
    .pack = pack_matrix<StrassenGemm>,
    .packed_by = tile_packed_by,
    .in_place = residual_place,
    .approximates = true,
    .describe = describe_tile_tuning,
};

constinit const Tactic gemm_paired{
    .name = "gemm_paired",
    .declines = decline_walked<PairedGemm>,
    .formats = plain_only,
    .tunings = paired_tunings,
    .cost = paired_cost,
    .prepare = prepare_packed<PairedGemm>,
    .packs = matrix_and_row,
    .packed_floats = packed_matrix_floats<PairedGemm>,
    .pack = pack_matrix<PairedGemm>,
    .packed_by = tile_packed_by,
    .in_place = residual_place,
    .approximates = true,
    .describe = describe_tile_tuning,
};

constinit const Tactic gemm_dynamic{
    .name = "gemm_dynamic",
    .declines = decline_dynamic,
    .formats = plain_only,
    .tunings = dynamic_tunings,
    .cost = dynamic_cost,
    .prepare =
        [](const Problem& p, const Layouts&, const Tuning& t) {
          return kernel_work(
              BatchedGemm(batched(p), p.isa, t.numbers[0]),
              [residual = p.group->residual](const WorkPointers& w) -> BatchedGemmPointers {
                return {input_floats(w, 0), input_floats(w, 1), output_floats(w, 0), residual_floats(w, residual)};
              });
        },
    .in_place = residual_place,
};

}  // namespace tactics
}  // namespace kiln
