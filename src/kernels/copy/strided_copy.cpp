#include "kernels/copy/strided_copy.hpp"

#include <algorithm>
#include <cstdlib>

#include "base/error.hpp"
#include "kernels/layout.hpp"

namespace kiln {

extern const CopyTable copy_table_portable, copy_table_avx2, copy_table_avx512;

const CopyTable& copy_table(Isa isa) {
  switch (isa) {
    case Isa::avx512: return copy_table_avx512;
    case Isa::avx2: return copy_table_avx2;
    default: return copy_table_portable;
  }
}

namespace {

int log2_of(int64_t size) { return size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3; }

bool is_element(int64_t bytes) { return bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8; }

/// Neighbours that are one dimension in both places become one.
void merge(std::vector<CopyDim>& dims) {
  size_t kept = 0;
  for (size_t i = 1; i < dims.size(); ++i) {
    CopyDim& outer = dims[kept];
    const CopyDim& inner = dims[i];
    if (outer.from == inner.extent * inner.from && outer.to == inner.extent * inner.to) {
      outer = {outer.extent * inner.extent, inner.from, inner.to};
    } else {
      dims[++kept] = inner;
    }
  }
  if (!dims.empty()) dims.resize(kept + 1);
}

}  // namespace

StridedCopy::StridedCopy(int64_t element_bytes, std::vector<CopyDim> dims, int64_t from_start, int64_t to_start,
                         Isa isa)
    : isa_(isa), bytes_(element_bytes), from_start_(from_start * element_bytes), to_start_(to_start * element_bytes) {
  for (const CopyDim& dim : dims) bytes_ *= dim.extent;
  for (CopyDim& dim : dims) dim.from *= element_bytes, dim.to *= element_bytes;
  if (element_bytes == 16) {
    dims.push_back({2, 8, 8});
    element_bytes = 8;
  }
  if (!is_element(element_bytes)) {
    fail(ErrorCode::unsupported, "elements of {} bytes are not copied", element_bytes);
  }
  if (bytes_ > 0) plan(element_bytes, std::move(dims));
}

void StridedCopy::plan(int64_t size, std::vector<CopyDim> dims) {
  std::erase_if(dims, [](const CopyDim& dim) { return dim.extent == 1; });
  for (CopyDim& dim : dims) {
    if (dim.to == 0) fail(ErrorCode::internal, "a copy of {} elements goes to one place", dim.extent);
    if (dim.to > 0) continue;
    from_start_ += (dim.extent - 1) * dim.from;
    to_start_ += (dim.extent - 1) * dim.to;
    dim.from = -dim.from, dim.to = -dim.to;
  }
  std::stable_sort(dims.begin(), dims.end(), [](const CopyDim& a, const CopyDim& b) { return a.to > b.to; });
  merge(dims);
  const auto is_run = [&] { return !dims.empty() && dims.back().from == size && dims.back().to == size; };
  // Short runs are moved as wider elements.
  if (is_run() && is_element(dims.back().extent * size)) {
    size *= dims.back().extent;
    dims.pop_back();
  }
  const CopyTable& table = copy_table(isa_);
  if (is_run() || dims.empty()) {
    const int64_t bytes = dims.empty() ? size : size * dims.back().extent;
    if (!dims.empty()) dims.pop_back();
    if (dims.empty()) dims.push_back({1, 0, 0});
    dims.push_back({bytes, 1, 1});
    // Short rows that are closer together in the next loop than in this are read along that one, a few KiB at a time.
    const size_t last = dims.size() - 1;
    if (last >= 2 && bytes <= 512 && std::abs(dims[last - 2].from) < std::abs(dims[last - 1].from)) {
      turns_ = std::max<int64_t>(8192 / bytes, 4);
    }
    grains_[1] = 64;
    function_ = table.rows;
  } else {
    const auto column =
        std::find_if(dims.begin(), dims.end() - 1, [&](const CopyDim& dim) { return dim.from == size; });
    if (dims.back().to == size && column != dims.end() - 1) {
      std::rotate(column, column + 1, dims.end() - 1);
      grains_[0] = grains_[1] = 64 / size;
      function_ = table.transpose[log2_of(size)];
    } else {
      if (dims.size() == 1) dims.insert(dims.begin(), {1, 0, 0});
      grains_[1] = 64 / size;
      function_ = table.strided[log2_of(size)];
    }
  }
  dims_ = std::move(dims);
}

StridedCopy::Range StridedCopy::share(int64_t part, int64_t parts) const {
  Range best{0, 0, 0};
  double best_use = 0;
  for (size_t i = 0; i < dims_.size(); ++i) {
    const size_t from_end = dims_.size() - i;
    const int64_t grain = from_end > 2 ? 1 : grains_[2 - from_end], extent = dims_[i].extent;
    const int64_t grains = divide_up(extent, grain);
    const double use = static_cast<double>(grains) / static_cast<double>(divide_up(grains, parts) * parts);
    if (use <= best_use) continue;
    const auto [begin, end] = part_range(grains, part, parts);
    best = {i, begin * grain, std::min(end * grain, extent)};
    best_use = use;
    if (use > 0.9) break;
  }
  return best;
}

void StridedCopy::walk(size_t level, const Range& range, const char* from, char* to) const {
  const auto bounds = [&](size_t dim) {
    return range.dim == dim ? PartRange{range.begin, range.end} : PartRange{0, dims_[dim].extent};
  };
  const CopyDim& dim = dims_[level];
  const PartRange own = bounds(level);
  if (level + 3 == dims_.size() && turns_ > 0) {
    const CopyDim &rows = dims_[level + 1], &bytes = dims_[level + 2];
    const PartRange across = bounds(level + 1), within = bounds(level + 2);
    if (within.begin == within.end) return;
    for (int64_t i = own.begin; i < own.end; i += turns_) {
      const int64_t turns = std::min(turns_, own.end - i);
      for (int64_t k = across.begin; k < across.end; ++k) {
        function_({from + i * dim.from + k * rows.from + within.begin, to + i * dim.to + k * rows.to + within.begin,
                   turns, within.end - within.begin, dim.from, bytes.from, dim.to, bytes.to});
      }
    }
    return;
  }
  if (level + 2 < dims_.size()) {
    for (int64_t i = own.begin; i < own.end; ++i) walk(level + 1, range, from + i * dim.from, to + i * dim.to);
    return;
  }
  const CopyDim& inner = dims_[level + 1];
  const PartRange innermost = bounds(level + 1);
  if (own.begin == own.end || innermost.begin == innermost.end) return;
  function_({from + own.begin * dim.from + innermost.begin * inner.from,
             to + own.begin * dim.to + innermost.begin * inner.to, own.end - own.begin, innermost.end - innermost.begin,
             dim.from, inner.from, dim.to, inner.to});
}

void StridedCopy::run_part(int64_t part, int64_t parts, const void* from, void* to) const {
  if (bytes_ == 0) return;
  walk(0, share(part, parts), static_cast<const char*>(from) + from_start_, static_cast<char*>(to) + to_start_);
}

}  // namespace kiln
