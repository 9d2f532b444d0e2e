#include "ops/support/fourier.hpp"

#include <bit>
#include <cmath>
#include <numbers>

#include "base/error.hpp"

namespace kiln::ops {
namespace {

constexpr int64_t max_definition_length = 32;

/// exp(-2*pi*i * part / whole), exact at quarter turns.
Complex root(int64_t part, int64_t whole) {
  if (4 * part % whole == 0) {
    constexpr double cosines[] = {1, 0, -1, 0};
    const int64_t quarters = 4 * part / whole;
    return {cosines[quarters % 4], -cosines[(quarters + 3) % 4]};
  }
  const double angle = 2 * std::numbers::pi * static_cast<double>(part) / static_cast<double>(whole);
  return {std::cos(angle), -std::sin(angle)};
}

std::vector<Complex> roots_of(int64_t whole, int64_t count) {
  std::vector<Complex> roots(static_cast<size_t>(count));
  for (int64_t k = 0; k < count; ++k) roots[static_cast<size_t>(k)] = root(k, whole);
  return roots;
}

/// Without the checks for infinities of std::complex's own product.
Complex times(const Complex& a, const Complex& b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

void reorder_bits(Complex* data, int64_t length) {
  for (int64_t i = 1, j = 0; i < length; ++i) {
    int64_t bit = length >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(data[i], data[j]);
  }
}

void by_halves(Complex* data, int64_t length, const std::vector<Complex>& roots) {
  reorder_bits(data, length);
  for (int64_t half = 1; half < length; half *= 2) {
    const int64_t stride = length / (2 * half);
    for (int64_t block = 0; block < length; block += 2 * half) {
      for (int64_t k = 0; k < half; ++k) {
        Complex &a = data[block + k], &b = data[block + half + k];
        const Complex turned = times(b, roots[static_cast<size_t>(k * stride)]);
        b = a - turned;
        a += turned;
      }
    }
  }
}

void conjugate(Complex* data, int64_t length) {
  for (int64_t i = 0; i < length; ++i) data[i] = std::conj(data[i]);
}

}  // namespace

Fourier::Fourier(int64_t length) : length_(length), padded_(length) {
  if (length < 1 || length > max_fourier_length) {
    fail(ErrorCode::invalid_argument, "a Fourier transform has length {}, expected 1 to {}", length,
         max_fourier_length);
  }
  const bool is_power = std::has_single_bit(static_cast<uint64_t>(length));
  if (!is_power && length <= max_definition_length) {
    roots_ = roots_of(length, length);
    return;
  }
  if (!is_power) padded_ = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(2 * length - 1)));
  roots_ = roots_of(padded_, padded_ / 2);
  if (is_power) return;
  // k*n = (k*k + n*n - (k-n)*(k-n)) / 2 makes the transform a convolution with a chirp.
  chirp_.resize(static_cast<size_t>(length));
  filter_.assign(static_cast<size_t>(padded_), Complex());
  for (int64_t k = 0; k < length; ++k) {
    const Complex turn = root(k * k % (2 * length), 2 * length);
    chirp_[static_cast<size_t>(k)] = turn;
    filter_[static_cast<size_t>(k)] = std::conj(turn);
    if (k > 0) filter_[static_cast<size_t>(padded_ - k)] = std::conj(turn);
  }
  by_halves(filter_.data(), padded_, roots_);
  for (Complex& value : filter_) value /= static_cast<double>(padded_);
}

void Fourier::transform(Complex* data, std::vector<Complex>& scratch) const {
  if (padded_ != length_) {
    by_convolution(data, scratch);
  } else if (std::has_single_bit(static_cast<uint64_t>(length_))) {
    by_halves(data, length_, roots_);
  } else {
    by_definition(data, scratch);
  }
}

void Fourier::invert(Complex* data, std::vector<Complex>& scratch) const {
  conjugate(data, length_);
  transform(data, scratch);
  conjugate(data, length_);
  for (int64_t i = 0; i < length_; ++i) data[i] /= static_cast<double>(length_);
}

void Fourier::by_definition(Complex* data, std::vector<Complex>& scratch) const {
  scratch.assign(data, data + length_);
  for (int64_t k = 0; k < length_; ++k) {
    Complex sum;
    for (int64_t n = 0; n < length_; ++n) {
      sum += times(scratch[static_cast<size_t>(n)], roots_[static_cast<size_t>(k * n % length_)]);
    }
    data[k] = sum;
  }
}

void Fourier::by_convolution(Complex* data, std::vector<Complex>& scratch) const {
  scratch.assign(static_cast<size_t>(padded_), Complex());
  for (int64_t n = 0; n < length_; ++n)
    scratch[static_cast<size_t>(n)] = times(data[n], chirp_[static_cast<size_t>(n)]);
  by_halves(scratch.data(), padded_, roots_);
  for (size_t i = 0; i < scratch.size(); ++i) scratch[i] = std::conj(times(scratch[i], filter_[i]));
  by_halves(scratch.data(), padded_, roots_);
  for (int64_t k = 0; k < length_; ++k) {
    data[k] = times(std::conj(scratch[static_cast<size_t>(k)]), chirp_[static_cast<size_t>(k)]);
  }
}

}  // namespace kiln::ops
