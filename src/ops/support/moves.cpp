#include "ops/support/moves.hpp"

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/support/axes.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {

AxisView::AxisView(const Shape& shape, int64_t axis)
    : outer(element_count(Shape(shape.begin(), shape.begin() + axis))),
      extent(shape[static_cast<size_t>(axis)]),
      inner(element_count(Shape(shape.begin() + axis + 1, shape.end()))) {}

void copy_elements(Tensor& to, int64_t to_at, const Tensor& from, int64_t from_at, int64_t count) {
  if (count <= 0) return;
  stop_point(1 + count / 8);
  if (to.dtype() == DType::string) {
    const std::string* source = from.data<std::string>() + from_at;
    std::copy(source, source + count, to.mutable_data<std::string>() + to_at);
    return;
  }
  const size_t size = dtype_size(to.dtype());
  std::memcpy(static_cast<char*>(to.mutable_raw()) + static_cast<size_t>(to_at) * size,
              static_cast<const char*>(from.raw()) + static_cast<size_t>(from_at) * size,
              static_cast<size_t>(count) * size);
}

void fill_elements(Tensor& to, int64_t at, int64_t count, const Tensor& from, int64_t from_at) {
  dispatch_by_size(to.dtype(), [&]<class T> {
    T* first = raw_elements<T>(to) + at;
    std::fill(first, first + count, raw_elements<T>(from)[from_at]);
  });
}

void clear_elements(Tensor& tensor) {
  dispatch_by_size(tensor.dtype(), [&]<class T> {
    T* first = raw_elements<T>(tensor);
    std::fill(first, first + tensor.size(), T());
  });
}

namespace {

/// Axes along which a walk over a dense tensor steps through another: those of extent 1 left out, those that step as
/// one joined.
struct Walk {
  std::vector<int64_t> extents, strides;

  Walk(const Shape& all_extents, std::span<const int64_t> all_strides) {
    for (size_t i = 0; i < all_extents.size(); ++i) {
      if (all_extents[i] == 1) continue;
      if (!extents.empty() && strides.back() == all_strides[i] * all_extents[i]) {
        extents.back() *= all_extents[i];
        strides.back() = all_strides[i];
      } else {
        extents.push_back(all_extents[i]);
        strides.push_back(all_strides[i]);
      }
    }
    if (extents.empty()) {
      extents.push_back(1);
      strides.push_back(0);
    }
  }
};

template <class T>
void copy_rows(const Walk& walk, T* to, const T* from, int64_t offset, int64_t begin, int64_t end) {
  const size_t outer = walk.extents.size() - 1;
  const int64_t count = walk.extents[outer], step = walk.strides[outer];
  std::vector<int64_t> index(outer);
  int64_t rest = begin;
  for (size_t axis = outer; axis-- > 0;) {
    index[axis] = rest % walk.extents[axis];
    rest /= walk.extents[axis];
    offset += index[axis] * walk.strides[axis];
  }
  for (int64_t row = begin; row < end; ++row) {
    T* out = to + row * count;
    const T* in = from + offset;
    if (step == 1) {
      std::copy(in, in + count, out);
    } else {
      for (int64_t i = 0; i < count; ++i) out[i] = in[i * step];
    }
    for (size_t axis = outer; axis-- > 0;) {
      offset += walk.strides[axis];
      if (++index[axis] < walk.extents[axis]) break;
      offset -= index[axis] * walk.strides[axis];
      index[axis] = 0;
    }
  }
}

}  // namespace

void strided_copy(EvalContext& context, Tensor& to, const Shape& extents, const Tensor& from, int64_t offset,
                  std::span<const int64_t> strides) {
  if (to.size() == 0) return;
  const Walk walk(extents, strides);
  const int64_t rows = to.size() / walk.extents.back();
  const int64_t grain = std::max<int64_t>(1, 32768 / walk.extents.back());
  dispatch_by_size(to.dtype(), [&]<class T> {
    T* out = raw_elements<T>(to);
    const T* in = raw_elements<T>(from);
    context.parallel_for(rows, grain,
                         [&](int64_t begin, int64_t end) { copy_rows(walk, out, in, offset, begin, end); });
  });
}

void permuted_copy(EvalContext& context, Tensor& to, const Tensor& from, const Shape& from_shape,
                   std::span<const int64_t> perm) {
  if (to.size() == 0) return;
  const std::vector<int64_t> from_strides = row_major_strides(from_shape);
  Shape extents;
  std::vector<int64_t> strides;
  for (int64_t axis : perm) {
    extents.push_back(from_shape[static_cast<size_t>(axis)]);
    strides.push_back(from_strides[static_cast<size_t>(axis)]);
  }
  strided_copy(context, to, extents, from, 0, strides);
}

namespace {

template <class T>
void map_row(T* to, const T* row, const std::vector<int64_t>& sources, const T& fill) {
  for (size_t i = 0; i < sources.size(); ++i) to[i] = sources[i] < 0 ? fill : row[sources[i]];
}

}  // namespace

void mapped_copy(EvalContext& context, Tensor& to, const Tensor& from, const std::vector<std::vector<int64_t>>& sources,
                 const Tensor& fill) {
  if (to.size() == 0) return;
  if (sources.empty()) return copy_elements(to, 0, from, 0, 1);
  const std::vector<int64_t> strides = row_major_strides(from.shape());
  const size_t last = sources.size() - 1;
  const auto length = static_cast<int64_t>(sources[last].size());
  dispatch_by_size(to.dtype(), [&]<class T> {
    T* out = raw_elements<T>(to);
    const T *in = raw_elements<T>(from), &filler = *raw_elements<T>(fill);
    context.parallel_for(to.size() / length, 1 + 32768 / length, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        int64_t rest = row, offset = 0;
        bool outside = false;
        for (size_t axis = last; axis-- > 0;) {
          const auto extent = static_cast<int64_t>(sources[axis].size());
          const int64_t source = sources[axis][static_cast<size_t>(rest % extent)];
          rest /= extent;
          outside = outside || source < 0;
          offset += source * strides[axis];
        }
        T* to_row = out + row * length;
        if (outside) {
          std::fill(to_row, to_row + length, filler);
        } else {
          map_row(to_row, in + offset, sources[last], filler);
        }
      }
    });
  });
}

namespace {

void expect_list(const SymShape& shape, size_t index) {
  if (shape.size() > 1) {
    fail(ErrorCode::invalid_argument, "input {} must be a list, found shape {}", index, to_string(shape));
  }
}

}  // namespace

std::optional<std::vector<int64_t>> tracked_ints(const InferContext& context, size_t index) {
  if (const SymShape* shape = context.shape(index)) expect_list(*shape, index);
  return context.ints(index);
}

std::optional<std::vector<Dim>> tracked_dims(const InferContext& context, size_t index) {
  const SymShape* shape = context.shape(index);
  if (!shape) return {};
  expect_list(*shape, index);
  const DType dtype = context.dtype(index);
  if (dtype != DType::i64 && dtype != DType::i32) return {};
  const Dim length = shape->empty() ? Dim(1) : shape->front();
  if (!length.is_known() || length.value() > max_tracked_dims || length.value() < 0) return {};
  std::optional<std::vector<Dim>> elements = context.dims(index);
  const auto count = static_cast<size_t>(length.value());
  if (!elements || elements->size() != count) return std::vector<Dim>(count);
  return elements;
}

}  // namespace kiln::ops
