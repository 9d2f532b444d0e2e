#pragma once

#include <cstdint>
#include <string>

#include "kernels/epilogue.hpp"
#include "kernels/tile/tile_walk.hpp"

namespace kiln {

/// C [m][n] = epilogue(A [m][k] B [k][n] + bias [n]), all row-major with any distance between rows.
struct GemmProblem {
  int64_t m = 1, n = 1, k = 1;
  int64_t a_row = 0, c_row = 0;  ///< floats from a row to the next; 0: k, and n
  Epilogue epilogue;
};

/// Fails with Error(invalid_argument) where the sizes make no sense; K may be 0.
void check_gemm(int64_t m, int64_t n, int64_t k, int64_t a_row, int64_t c_row);

struct GemmPointers {
  const float* a;
  const float* packed;  ///< what pack() made
  float* c;
  const float* residual = nullptr;  ///< lies as C does
};

/// gemm_f32: B is constant and packed once as [n / (blocks lanes)][k][blocks lanes]; A is read where it lies. How B is
/// packed depends on `tuning.blocks` and not on m. Few rows (GEMV) take the same way with short, wide tiles.
class PackedGemm {
 public:
  PackedGemm(const GemmProblem& problem, Isa isa, const TileTuning& tuning);

  static TileTuning default_tuning(const GemmProblem& problem, Isa isa);
  std::string name() const;
  int64_t packed_floats() const { return walk_.packed_floats(); }
  /// B's element (i, j) at b[i b_row + j b_column]; the bias may be null.
  void pack(const float* b, int64_t b_row, int64_t b_column, const float* bias, float* packed) const;
  int64_t scratch_floats(int64_t) const { return 0; }
  int64_t phases() const { return 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const GemmPointers& p, float* scratch) const;

 private:
  TileWalk walk_;
};

/// Many products of matrices that are all computed anew each time: C = epilogue(scale A B), in outer x inner batches
/// (such as images and heads), each with its own distances.
struct BatchedGemmProblem {
  int64_t outer = 1, inner = 1;
  int64_t m = 1, n = 1, k = 1;
  int64_t a_outer = 0, a_inner = 0, a_row = 0;
  int64_t b_outer = 0, b_inner = 0, b_row = 0;
  bool b_transposed = false;  ///< B is [n][k], b_row is from n to n + 1
  int64_t c_outer = 0, c_inner = 0, c_row = 0;
  float scale = 1;
  Epilogue epilogue;
};

struct BatchedGemmPointers {
  const float *a, *b;
  float* c;
  const float* residual = nullptr;  ///< lies as C does
};

/// gemm_f32_dynamic: packs a panel of B's columns into scratch, uses it for all rows of A, and goes on.
class BatchedGemm {
 public:
  BatchedGemm(const BatchedGemmProblem& problem, Isa isa, int blocks = 0);

  std::string name() const;
  int64_t scratch_floats(int64_t parts) const { return parts * panel_floats_; }
  int64_t phases() const { return 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const BatchedGemmPointers& p, float* scratch) const;

 private:
  BatchedGemmProblem problem_;
  TileWalk walk_;
  int64_t panel_floats_;
};

}  // namespace kiln
