#include "ops/support/gemm.hpp"

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/stop_point.hpp"

namespace kiln::ops {

namespace {

// A tile of 6 x 2 vectors takes 12 of the 16 vector registers of plain x86-64 and leaves 4 for the operands.
constexpr int64_t tile_rows = 6;
template <class T>
constexpr int64_t tile_columns = 2 * 16 / static_cast<int64_t>(sizeof(T));

constexpr int64_t block_depth = 256;
constexpr int64_t block_rows = 96;
constexpr int64_t block_columns = 256;

/// A tile of the product: `a` is packed [depth][tile_rows], `b` [depth][tile_columns].
template <class T, int rows>
void multiply_tile(const T* a, const T* b, int64_t depth, T* out, int64_t out_step, int64_t columns, bool add) {
  typedef T Vector __attribute__((vector_size(16)));
  constexpr int64_t width = tile_columns<T>;
  Vector sums[rows][2] = {};
  for (int64_t k = 0; k < depth; ++k) {
    Vector right[2];
    std::memcpy(right, b + k * width, sizeof(right));
    for (int i = 0; i < rows; ++i) {
      const T left = a[k * tile_rows + i];
      sums[i][0] += left * right[0];
      sums[i][1] += left * right[1];
    }
  }
  for (int i = 0; i < rows; ++i) {
    T row[width];
    std::memcpy(row, sums[i], sizeof(row));
    T* to = out + i * out_step;
    if (add) {
      for (int64_t j = 0; j < columns; ++j) to[j] += row[j];
    } else {
      std::copy_n(row, columns, to);
    }
  }
}

template <class T>
void multiply_rows(int64_t rows, const T* a, const T* b, int64_t depth, T* out, int64_t step, int64_t columns,
                   bool add) {
  switch (rows) {
    case 1: return multiply_tile<T, 1>(a, b, depth, out, step, columns, add);
    case 2: return multiply_tile<T, 2>(a, b, depth, out, step, columns, add);
    case 3: return multiply_tile<T, 3>(a, b, depth, out, step, columns, add);
    case 4: return multiply_tile<T, 4>(a, b, depth, out, step, columns, add);
    case 5: return multiply_tile<T, 5>(a, b, depth, out, step, columns, add);
    default: return multiply_tile<T, 6>(a, b, depth, out, step, columns, add);
  }
}

struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

int64_t round_up(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

/// Computes parts of the product, with its own packed copies of the operands.
template <class T>
class GemmWorker {
 public:
  GemmWorker(const GemmShape& shape, MatrixRows<T> a, MatrixRows<T> b, T* out)
      : shape_(shape), a_(a), b_(b), out_(out) {
    const int64_t depth = std::min(shape.k, block_depth);
    const int64_t rows = round_up(std::min(shape.m, block_rows), tile_rows);
    const int64_t columns = round_up(std::min(shape.n, block_columns), tile_columns<T>);
    packed_a_ = std::make_unique_for_overwrite<T[]>(static_cast<size_t>(depth * rows));
    packed_b_ = std::make_unique_for_overwrite<T[]>(static_cast<size_t>(depth * columns));
    line_ = std::make_unique_for_overwrite<T[]>(static_cast<size_t>(std::max(depth, columns)));
  }

  void multiply(int64_t batch, Range rows, Range columns) {
    for (int64_t k = 0; k < shape_.k; k += block_depth) {
      const Range depth{k, std::min(k + block_depth, shape_.k)};
      pack_b(batch, depth, columns);
      for (int64_t i = rows.begin; i < rows.end; i += block_rows) {
        const Range block{i, std::min(i + block_rows, rows.end)};
        pack_a(batch, depth, block);
        multiply_block(batch, block, columns, depth);
      }
    }
  }

 private:
  void pack_a(int64_t batch, Range depth, Range rows) {
    for (int64_t i = 0; i < rows.size(); ++i) {
      a_(batch, rows.begin + i, depth.begin, depth.size(), line_.get());
      T* to = packed_a_.get() + i / tile_rows * tile_rows * depth.size() + i % tile_rows;
      for (int64_t k = 0; k < depth.size(); ++k) to[k * tile_rows] = line_[static_cast<size_t>(k)];
    }
  }

  void pack_b(int64_t batch, Range depth, Range columns) {
    constexpr int64_t width = tile_columns<T>;
    const int64_t padded = round_up(columns.size(), width);
    std::fill(line_.get() + columns.size(), line_.get() + padded, T{});
    for (int64_t k = 0; k < depth.size(); ++k, stop_point(padded)) {
      b_(batch, depth.begin + k, columns.begin, columns.size(), line_.get());
      T* to = packed_b_.get() + k * width;
      for (int64_t j = 0; j < padded; j += width) std::copy_n(line_.get() + j, width, to + j * depth.size());
    }
  }

  void multiply_block(int64_t batch, Range rows, Range columns, Range depth) {
    constexpr int64_t width = tile_columns<T>;
    T* out = out_ + batch * shape_.m * shape_.n;
    for (int64_t i = 0; i < rows.size(); i += tile_rows) {
      stop_point(depth.size() * columns.size());
      for (int64_t j = 0; j < columns.size(); j += width) {
        multiply_rows(std::min(tile_rows, rows.size() - i), packed_a_.get() + i * depth.size(),
                      packed_b_.get() + j * depth.size(), depth.size(),
                      out + (rows.begin + i) * shape_.n + columns.begin + j, shape_.n,
                      std::min(width, columns.size() - j), depth.begin > 0);
      }
    }
  }

  const GemmShape& shape_;
  MatrixRows<T> a_, b_;
  T* out_;
  std::unique_ptr<T[]> packed_a_, packed_b_, line_;
};

}  // namespace

template <class T>
void gemm(EvalContext& context, const GemmShape& shape, MatrixRows<T> a, MatrixRows<T> b, T* out) {
  if (shape.batches == 0 || shape.m == 0 || shape.n == 0) return;
  if (shape.k == 0) {
    std::fill_n(out, shape.batches * shape.m * shape.n, T{});
    return;
  }
  // Strips of columns are the work to share; rows are split too, at the price of packing B again, where that is little.
  const int64_t strips = (shape.n + block_columns - 1) / block_columns;
  const int64_t wanted = std::max<int64_t>(1, 16 / (shape.batches * strips));
  const int64_t part_rows = round_up(std::max<int64_t>((shape.m + wanted - 1) / wanted, 8 * tile_rows), tile_rows);
  const int64_t parts = (shape.m + part_rows - 1) / part_rows;
  const int64_t cost = std::min(shape.m, part_rows) * std::min(shape.n, block_columns) * shape.k;
  const int64_t grain = std::max<int64_t>(1, 65536 / std::max<int64_t>(1, cost));
  context.parallel_for(shape.batches * strips * parts, grain, [&](int64_t begin, int64_t end) {
    GemmWorker<T> worker(shape, a, b, out);
    for (int64_t task = begin; task < end; ++task) {
      const int64_t row = task % parts * part_rows, column = task / parts % strips * block_columns;
      worker.multiply(task / parts / strips, {row, std::min(row + part_rows, shape.m)},
                      {column, std::min(column + block_columns, shape.n)});
    }
  });
}

template void gemm(EvalContext&, const GemmShape&, MatrixRows<float>, MatrixRows<float>, float*);
template void gemm(EvalContext&, const GemmShape&, MatrixRows<double>, MatrixRows<double>, double*);
template void gemm(EvalContext&, const GemmShape&, MatrixRows<uint32_t>, MatrixRows<uint32_t>, uint32_t*);
template void gemm(EvalContext&, const GemmShape&, MatrixRows<uint64_t>, MatrixRows<uint64_t>, uint64_t*);

}  // namespace kiln::ops
