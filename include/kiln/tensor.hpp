#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "kiln/dtype.hpp"

namespace kiln {

using Shape = std::vector<int64_t>;

/// "[1,3,224,224]"
std::string to_string(const Shape& shape);
/// The product of the dims. Throws Error(limit_exceeded) when it does not fit, Error(invalid_argument) for a dim < 0.
int64_t element_count(const Shape& shape);

/// The DType that stands for a C++ element type; specialised for the small floats and small integers inside Kiln.
template <class T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::f64;
};
template <>
struct DTypeOf<uint8_t> {
  static constexpr DType value = DType::u8;
};
template <>
struct DTypeOf<int8_t> {
  static constexpr DType value = DType::i8;
};
template <>
struct DTypeOf<uint16_t> {
  static constexpr DType value = DType::u16;
};
template <>
struct DTypeOf<int16_t> {
  static constexpr DType value = DType::i16;
};
template <>
struct DTypeOf<uint32_t> {
  static constexpr DType value = DType::u32;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType value = DType::i32;
};
template <>
struct DTypeOf<uint64_t> {
  static constexpr DType value = DType::u64;
};
template <>
struct DTypeOf<int64_t> {
  static constexpr DType value = DType::i64;
};
template <>
struct DTypeOf<bool> {
  static constexpr DType value = DType::boolean;
};
template <>
struct DTypeOf<std::string> {
  static constexpr DType value = DType::string;
};
template <>
struct DTypeOf<std::complex<float>> {
  static constexpr DType value = DType::c64;
};
template <>
struct DTypeOf<std::complex<double>> {
  static constexpr DType value = DType::c128;
};
template <class T>
inline constexpr DType dtype_of = DTypeOf<std::remove_cv_t<T>>::value;

/// A dense, row-major array of one element type. Copying a Tensor is cheap: copies share the elements, so treat a
/// tensor that has been handed out as read-only. Owned memory is aligned to 64 bytes; borrowed memory need not be
/// aligned at all (is_aligned() tells), and must live as long as `keeper`, or as the tensor where there is none.
class Tensor {
 public:
  Tensor() = default;
  /// Owns new elements: zeroes for small tensors and empty strings, otherwise not initialised.
  Tensor(DType dtype, Shape shape);
  /// Reads and writes memory owned by someone else; `bytes` must be what the shape needs.
  static Tensor borrow(DType dtype, Shape shape, void* data, size_t bytes, std::shared_ptr<const void> keeper = {});
  static Tensor borrow(DType dtype, Shape shape, const void* data, size_t bytes,
                       std::shared_ptr<const void> keeper = {});

  template <class T>
  static Tensor from(Shape shape, std::span<const T> elements) {
    Tensor tensor(dtype_of<T>, std::move(shape));
    tensor.assign(elements.data(), elements.size());
    return tensor;
  }
  template <class T>
  static Tensor scalar(const T& value) {
    return from<T>({}, std::span<const T>(&value, 1));
  }
  /// A 1-D tensor.
  template <class T>
  static Tensor vector(const std::vector<T>& values) {
    return from<T>({static_cast<int64_t>(values.size())}, values);
  }

  bool defined() const { return dtype_ != DType::undefined; }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int64_t rank() const { return static_cast<int64_t>(shape_.size()); }
  /// dim(-1) is the last one. Throws for an axis out of range.
  int64_t dim(int64_t axis) const;
  int64_t size() const { return size_; }  ///< number of elements
  size_t bytes() const { return static_cast<size_t>(size_) * dtype_size(dtype_); }

  /// The elements; T must be the dtype's type (an internal error otherwise) and the memory aligned for it.
  template <class T>
  const T* data() const {
    check_access(dtype_of<T>, alignof(T));
    return static_cast<const T*>(data_);
  }
  template <class T>
  T* mutable_data() {
    check_access(dtype_of<T>, alignof(T));
    return static_cast<T*>(data_);
  }
  template <class T>
  std::span<const T> elements() const {
    return {data<T>(), static_cast<size_t>(size_)};
  }
  template <class T>
  std::span<T> mutable_elements() {
    return {mutable_data<T>(), static_cast<size_t>(size_)};
  }
  const void* raw() const { return data_; }
  void* mutable_raw() { return data_; }

  bool is_aligned() const;
  /// True while nobody else holds the owned memory, or the keeper of borrowed memory.
  bool is_unique() const { return owner_ && owner_.use_count() == 1; }
  /// The same elements under another shape of the same size.
  Tensor reshaped(Shape shape) const;
  /// The same bytes as elements of another type of the same size (bit cast; not for strings).
  Tensor reinterpreted(DType dtype) const;
  /// Owned, aligned copy.
  Tensor clone() const;

  friend bool equal_bits(const Tensor& a, const Tensor& b);  ///< same dtype, shape and bytes (or strings)

 private:
  void check_access(DType wanted, size_t alignment) const;
  template <class T>
  void assign(const T* from, size_t count);

  DType dtype_ = DType::undefined;
  int64_t size_ = 0;
  Shape shape_;
  void* data_ = nullptr;
  std::shared_ptr<const void> owner_;
};

bool equal_bits(const Tensor& a, const Tensor& b);
[[noreturn]] void fail_element_count(size_t given, const Shape& shape);

template <class T>
void Tensor::assign(const T* from, size_t count) {
  if (count != static_cast<size_t>(size_)) fail_element_count(count, shape_);
  T* to = mutable_data<T>();
  for (size_t i = 0; i < count; ++i) to[i] = from[i];
}

/// A tensor given by its non-zero elements: `values` [n] and `indices`, either [n] into the flattened dense tensor
/// or [n, rank].
struct SparseTensor {
  Tensor values;
  Tensor indices;
  Shape shape;
};

class Value;

/// An ordered list of values of one type.
struct Sequence {
  std::vector<Value> items;
  DType dtype = DType::undefined;  ///< of tensor elements; kept so that an empty sequence has a type
};

/// Keys [n] (an integer type or strings) and their values [n].
struct Map {
  Tensor keys;
  Tensor values;
};

/// What flows along an edge: nothing (an empty optional), a tensor, a sparse tensor, a sequence or a map.
/// A filled optional is its content. Copies share their content.
class Value {
 public:
  Value() = default;
  Value(Tensor tensor) : kind_(Kind::tensor), tensor_(std::move(tensor)) {}  // NOLINT(google-explicit-constructor)
  Value(SparseTensor sparse);                                                // NOLINT(google-explicit-constructor)
  Value(Sequence sequence);                                                  // NOLINT(google-explicit-constructor)
  Value(Map map);                                                            // NOLINT(google-explicit-constructor)

  bool is_none() const { return kind_ == Kind::none; }
  bool is_tensor() const { return kind_ == Kind::tensor; }
  bool is_sparse() const { return kind_ == Kind::sparse; }
  bool is_sequence() const { return kind_ == Kind::sequence; }
  bool is_map() const { return kind_ == Kind::map; }

  /// Throw Error(invalid_argument), naming both kinds, when the value is of another kind.
  const Tensor& tensor() const;
  Tensor& tensor();
  const SparseTensor& sparse() const;
  const Sequence& sequence() const;
  const Map& map() const;

  /// "f32[1,3]", "seq(3)", "map(i64,f32)", "none"
  std::string describe() const;

 private:
  enum class Kind : uint8_t { none, tensor, sparse, sequence, map };
  static std::string_view kind_name(Kind kind);
  void expect(Kind kind) const;

  Kind kind_ = Kind::none;
  Tensor tensor_;
  std::shared_ptr<const void> other_;
};

}  // namespace kiln
