#include "kiln/tensor.hpp"

#include <cstdlib>
#include <cstring>
#include <new>

#include "base/error.hpp"
#include "tensor/dispatch.hpp"

namespace kiln {
namespace {

constexpr size_t buffer_alignment = 64;
constexpr size_t zeroed_below = 4096;

std::shared_ptr<void> allocate(DType dtype, int64_t count) {
  size_t bytes = 0;
  if (__builtin_mul_overflow(static_cast<size_t>(count), dtype_size(dtype), &bytes) || bytes > SIZE_MAX / 2) {
    fail(ErrorCode::limit_exceeded, "a tensor of {} elements of {} is larger than any memory", count,
         dtype_name(dtype));
  }
  if (dtype == DType::string) {
    return {new std::string[static_cast<size_t>(count)], [](void* p) { delete[] static_cast<std::string*>(p); }};
  }
  // Rounded up so that vector code may read (never write) past the last element.
  const size_t padded = (bytes / buffer_alignment + 1) * buffer_alignment;
  void* memory = std::aligned_alloc(buffer_alignment, padded);
  if (!memory) {
    fail(ErrorCode::out_of_memory, "cannot allocate {} bytes for {} elements of {}", padded, count, dtype_name(dtype));
  }
  if (bytes < zeroed_below) std::memset(memory, 0, padded);
  return {memory, [](void* p) { std::free(p); }};
}

}  // namespace

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i) text += ',';
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

int64_t element_count(const Shape& shape) {
  int64_t count = 1;
  bool empty = false, overflow = false;
  for (int64_t dim : shape) {
    if (dim < 0) fail(ErrorCode::invalid_argument, "shape {} has a negative dim", to_string(shape));
    empty = empty || dim == 0;
    overflow = overflow || __builtin_mul_overflow(count, dim, &count);
  }
  if (empty) return 0;
  if (overflow) fail(ErrorCode::limit_exceeded, "shape {} has more elements than 64 bits can count", to_string(shape));
  return count;
}

void fail_element_count(size_t given, const Shape& shape) {
  fail(ErrorCode::invalid_argument, "{} elements given for a tensor of shape {}", given, to_string(shape));
}

Tensor::Tensor(DType dtype, Shape shape) : dtype_(dtype), size_(element_count(shape)), shape_(std::move(shape)) {
  if (dtype == DType::undefined) fail(ErrorCode::invalid_argument, "a tensor needs an element type");
  std::shared_ptr<void> memory = allocate(dtype, size_);
  data_ = memory.get();
  owner_ = std::move(memory);
}

Tensor Tensor::borrow(DType dtype, Shape shape, void* data, size_t bytes, std::shared_ptr<const void> keeper) {
  Tensor tensor;
  tensor.dtype_ = dtype;
  tensor.size_ = element_count(shape);
  tensor.shape_ = std::move(shape);
  size_t needed = 0;
  if (__builtin_mul_overflow(static_cast<size_t>(tensor.size_), dtype_size(dtype), &needed) || needed != bytes) {
    fail(ErrorCode::invalid_argument, "{} bytes given for a tensor of {} {}", bytes, to_string(tensor.shape_),
         dtype_name(dtype));
  }
  tensor.data_ = data;
  tensor.owner_ = std::move(keeper);
  return tensor;
}

Tensor Tensor::borrow(DType dtype, Shape shape, const void* data, size_t bytes, std::shared_ptr<const void> keeper) {
  return borrow(dtype, std::move(shape), const_cast<void*>(data), bytes, std::move(keeper));
}

int64_t Tensor::dim(int64_t axis) const {
  const int64_t index = axis < 0 ? axis + rank() : axis;
  if (index < 0 || index >= rank()) {
    fail(ErrorCode::invalid_argument, "axis {} is out of range for shape {}", axis, to_string(shape_));
  }
  return shape_[static_cast<size_t>(index)];
}

bool Tensor::is_aligned() const {
  const size_t alignment = dtype_ == DType::c128 ? alignof(double) : std::min<size_t>(dtype_size(dtype_), 8);
  return size_ == 0 || alignment == 0 || reinterpret_cast<uintptr_t>(data_) % alignment == 0;
}

Tensor Tensor::reshaped(Shape shape) const {
  if (element_count(shape) != size_) {
    fail(ErrorCode::invalid_argument, "cannot see a tensor of shape {} as {}: {} elements", to_string(shape_),
         to_string(shape), size_);
  }
  Tensor result = *this;
  result.shape_ = std::move(shape);
  return result;
}

Tensor Tensor::reinterpreted(DType dtype) const {
  if (dtype_size(dtype) != dtype_size(dtype_) || dtype == DType::string || dtype_ == DType::string) {
    fail(ErrorCode::invalid_argument, "cannot see the bytes of {} as {}", dtype_name(dtype_), dtype_name(dtype));
  }
  Tensor result = *this;
  result.dtype_ = dtype;
  return result;
}

Tensor Tensor::clone() const {
  if (!defined()) return {};
  Tensor copy(dtype_, shape_);
  if (dtype_ == DType::string) {
    const auto* from = static_cast<const std::string*>(data_);
    std::copy(from, from + size_, static_cast<std::string*>(copy.data_));
  } else if (size_ > 0) {
    std::memcpy(copy.data_, data_, bytes());
  }
  return copy;
}

bool equal_bits(const Tensor& a, const Tensor& b) {
  if (a.dtype_ != b.dtype_ || a.shape_ != b.shape_) return false;
  if (a.size_ == 0) return true;
  if (a.dtype_ == DType::string) {
    const auto x = a.elements<std::string>(), y = b.elements<std::string>();
    return std::equal(x.begin(), x.end(), y.begin());
  }
  return std::memcmp(a.data_, b.data_, a.bytes()) == 0;
}

void Tensor::check_access(DType wanted, size_t alignment) const {
  if (wanted != dtype_) {
    fail(ErrorCode::internal, "a tensor of {} was accessed as {}", dtype_name(dtype_), dtype_name(wanted));
  }
  if (size_ > 0 && reinterpret_cast<uintptr_t>(data_) % alignment != 0) {
    fail(ErrorCode::internal, "a tensor of {} at an address that is not aligned was accessed without a copy",
         dtype_name(dtype_));
  }
}

Value::Value(SparseTensor sparse)
    : kind_(Kind::sparse), other_(std::make_shared<const SparseTensor>(std::move(sparse))) {}
Value::Value(Sequence sequence)
    : kind_(Kind::sequence), other_(std::make_shared<const Sequence>(std::move(sequence))) {}
Value::Value(Map map) : kind_(Kind::map), other_(std::make_shared<const Map>(std::move(map))) {}

std::string_view Value::kind_name(Kind kind) {
  switch (kind) {
    case Kind::none: return "nothing (an empty optional)";
    case Kind::tensor: return "a tensor";
    case Kind::sparse: return "a sparse tensor";
    case Kind::sequence: return "a sequence";
    case Kind::map: return "a map";
  }
  return "?";
}

void Value::expect(Kind kind) const {
  if (kind_ != kind) {
    fail(ErrorCode::invalid_argument, "expected {}, found {}", kind_name(kind), kind_name(kind_));
  }
}

const Tensor& Value::tensor() const {
  expect(Kind::tensor);
  return tensor_;
}
Tensor& Value::tensor() {
  expect(Kind::tensor);
  return tensor_;
}
const SparseTensor& Value::sparse() const {
  expect(Kind::sparse);
  return *static_cast<const SparseTensor*>(other_.get());
}
const Sequence& Value::sequence() const {
  expect(Kind::sequence);
  return *static_cast<const Sequence*>(other_.get());
}
const Map& Value::map() const {
  expect(Kind::map);
  return *static_cast<const Map*>(other_.get());
}

std::string Value::describe() const {
  const auto of = [](const Tensor& t) { return std::string(dtype_name(t.dtype())) + to_string(t.shape()); };
  switch (kind_) {
    case Kind::none: return "none";
    case Kind::tensor: return of(tensor_);
    case Kind::sparse: return "sparse " + std::string(dtype_name(sparse().values.dtype())) + to_string(sparse().shape);
    case Kind::sequence: return "seq of " + std::to_string(sequence().items.size());
    case Kind::map: return "map of " + std::to_string(map().keys.size());
  }
  return "?";
}

}  // namespace kiln
