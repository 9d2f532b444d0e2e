#include "builder/difference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "ops/support/convert.hpp"

namespace kiln {
namespace {

/// A tensor's numbers, block by block in a type that holds them exactly.
template <class Number>
class Reader {
 public:
  static constexpr int64_t most = 4096;

  explicit Reader(const Tensor& tensor) : tensor_(tensor), complex_(is_complex(tensor.dtype())) {
    if (!complex_) loop_ = ops::widen_loop(tensor.dtype());
  }
  int64_t size() const { return tensor_.size() * (complex_ ? 2 : 1); }
  const Number* block(int64_t begin, int64_t count) {
    const size_t width = complex_ ? sizeof(Number) : dtype_size(tensor_.dtype());
    const auto* from = static_cast<const std::byte*>(tensor_.raw()) + static_cast<size_t>(begin) * width;
    if (complex_) {
      std::copy_n(from, static_cast<size_t>(count) * width, reinterpret_cast<std::byte*>(numbers_.data()));
    } else {
      loop_(from, 1, numbers_.data(), count);
    }
    return numbers_.data();
  }

 private:
  const Tensor& tensor_;
  bool complex_;
  ops::WidenLoop loop_ = nullptr;
  std::vector<Number> numbers_ = std::vector<Number>(most);
};

/// Adds up over all tensors of a value.
class Comparison {
 public:
  explicit Comparison(const Tolerance& tolerance) : tolerance_(tolerance) {}

  void add(const Value& expected, const Value& found) {
    if (expected.is_tensor() && found.is_tensor()) return add(expected.tensor(), found.tensor());
    if (expected.is_sparse() && found.is_sparse()) {
      add(expected.sparse().indices, found.sparse().indices);
      return add(expected.sparse().values, found.sparse().values);
    }
    if (expected.is_map() && found.is_map()) {
      add(expected.map().keys, found.map().keys);
      return add(expected.map().values, found.map().values);
    }
    if (expected.is_none() && found.is_none()) return;
    if (!expected.is_sequence() || !found.is_sequence() ||
        expected.sequence().items.size() != found.sequence().items.size()) {
      return mismatch(expected.describe(), found.describe());
    }
    for (size_t i = 0; i < expected.sequence().items.size(); ++i) {
      add(expected.sequence().items[i], found.sequence().items[i]);
    }
  }

  Difference take() {
    if (!result_.mismatch.empty()) return {.mismatch = result_.mismatch};
    if (result_.elements > 0) result_.mean_absolute = absolute_ / static_cast<double>(result_.elements);
    if (related_ > 0) result_.mean_relative = relative_ / static_cast<double>(related_);
    return result_;
  }

 private:
  void mismatch(const std::string& expected, const std::string& found) {
    if (result_.mismatch.empty()) result_.mismatch = fmt::format("{} instead of {}", found, expected);
  }

  void add(const Tensor& expected, const Tensor& found) {
    if (expected.dtype() != found.dtype() || expected.shape() != found.shape()) {
      return mismatch(Value(expected).describe(), Value(found).describe());
    }
    if (expected.dtype() == DType::string) return add_strings(expected, found);
    switch (is_complex(expected.dtype()) ? expected.dtype() : ops::carrier_of(expected.dtype())) {
      case DType::f32:
      case DType::c64: return add_numbers<float>(expected, found);
      case DType::i64: return add_numbers<int64_t>(expected, found);
      case DType::u64: return add_numbers<uint64_t>(expected, found);
      default: return add_numbers<double>(expected, found);
    }
  }

  void add_strings(const Tensor& expected, const Tensor& found) {
    const auto a = expected.elements<std::string>(), b = found.elements<std::string>();
    for (size_t i = 0; i < a.size(); ++i)
      result_.differing += a[i] == b[i] ? 0 : 1, result_.over += a[i] == b[i] ? 0 : 1;
    result_.elements += expected.size();
  }

  template <class Number>
  void add_numbers(const Tensor& expected, const Tensor& found) {
    Reader<Number> a(expected), b(found);
    double largest = 0;
    for (int64_t begin = 0; begin < a.size(); begin += Reader<Number>::most) {
      const int64_t count = std::min(a.size() - begin, Reader<Number>::most);
      const Number* const numbers = a.block(begin, count);
      for (int64_t i = 0; i < count; ++i) {
        const double magnitude = std::abs(static_cast<double>(numbers[i]));
        if (std::isfinite(magnitude)) largest = std::max(largest, magnitude);
      }
    }
    const double allowed = tolerance_.absolute + tolerance_.of_largest * largest;
    for (int64_t begin = 0; begin < a.size(); begin += Reader<Number>::most) {
      const int64_t count = std::min(a.size() - begin, Reader<Number>::most);
      const Number *const from_a = a.block(begin, count), *const from_b = b.block(begin, count);
      for (int64_t i = 0; i < count; ++i) add_number(from_a[i], from_b[i], allowed);
    }
    result_.elements += a.size();
    result_.largest = std::max(result_.largest, largest);
  }

  template <class Number>
  void add_number(Number expected, Number found, double allowed) {
    const double a = static_cast<double>(expected), magnitude = std::abs(a);
    const bool relates = magnitude > 0 && std::isfinite(magnitude);
    related_ += relates ? 1 : 0;
    if (expected == found || (expected != expected && found != found)) return;
    double off = std::abs(a - static_cast<double>(found));
    if (!std::isfinite(off)) off = std::numeric_limits<double>::infinity();
    ++result_.differing;
    const bool has_none = std::is_integral_v<Number> || !std::isfinite(off);
    result_.over += has_none || off > allowed + tolerance_.relative * magnitude ? 1 : 0;
    result_.max_absolute = std::max(result_.max_absolute, off);
    absolute_ += off;
    if (!relates) return;
    result_.max_relative = std::max(result_.max_relative, off / magnitude);
    relative_ += off / magnitude;
  }

  const Tolerance& tolerance_;
  Difference result_;
  double absolute_ = 0, relative_ = 0;
  int64_t related_ = 0;
};

}  // namespace

Difference difference(const Value& expected, const Value& found, const Tolerance& tolerance) {
  Comparison comparison(tolerance);
  comparison.add(expected, found);
  return comparison.take();
}

}  // namespace kiln
