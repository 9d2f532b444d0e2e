#include "ops/support/fourier.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <utility>

#include "base/stop_point.hpp"

namespace kiln::ops {
namespace {

constexpr int64_t max_radix = 31;

/// exp(-2*pi*i * part / whole), exact at quarter turns.
template <class Real>
std::complex<Real> root(int64_t part, int64_t whole) {
  if (4 * part % whole == 0) {
    constexpr Real cosines[] = {1, 0, -1, 0};
    const int64_t quarters = 4 * part / whole;
    return {cosines[quarters % 4], -cosines[(quarters + 3) % 4]};
  }
  const double angle = 2 * std::numbers::pi * static_cast<double>(part) / static_cast<double>(whole);
  return {static_cast<Real>(std::cos(angle)), static_cast<Real>(-std::sin(angle))};
}

/// Without the checks for infinities of std::complex's own product.
template <class Real>
std::complex<Real> times(const std::complex<Real>& a, const std::complex<Real>& b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

/// Fours, then a two put first, then odd primes; what is left is 1 for a length with small factors only.
std::pair<std::vector<int64_t>, int64_t> factors_of(int64_t length) {
  std::vector<int64_t> factors;
  for (; length % 4 == 0; length /= 4) factors.push_back(4);
  if (length % 2 == 0) {
    length /= 2;
    factors.push_back(2);
    std::swap(factors.front(), factors.back());
  }
  for (int64_t radix = 3; radix <= max_radix; radix += 2) {
    for (; length % radix == 0; length /= radix) factors.push_back(radix);
  }
  return {factors, length};
}

template <class Real>
void radix2(std::complex<Real>* x) {
  const std::complex<Real> a = x[0], b = x[1];
  x[0] = a + b;
  x[1] = a - b;
}

template <class Real>
void radix4(std::complex<Real>* x) {
  const std::complex<Real> even = x[0] + x[2], turned_even = x[0] - x[2], odd = x[1] + x[3], difference = x[1] - x[3];
  const std::complex<Real> turned_odd(difference.imag(), -difference.real());
  x[0] = even + odd;
  x[1] = turned_even + turned_odd;
  x[2] = even - odd;
  x[3] = turned_even - turned_odd;
}

/// Elements j and radix - j meet conjugate roots, so that their sum needs the cosines and their difference the sines.
template <class Real>
void radix_odd(std::complex<Real>* x, int64_t radix, const std::vector<std::complex<Real>>& roots) {
  std::complex<Real> sums[max_radix / 2 + 1], differences[max_radix / 2 + 1], results[max_radix];
  const int64_t half = radix / 2;
  results[0] = x[0];
  for (int64_t j = 1; j <= half; ++j) {
    sums[j] = x[j] + x[radix - j];
    differences[j] = x[j] - x[radix - j];
    results[0] += sums[j];
  }
  for (int64_t k = 1; k <= half; ++k) {
    std::complex<Real> even = x[0];
    Real odd_real = 0, odd_imag = 0;
    for (int64_t j = 1; j <= half; ++j) {
      const std::complex<Real>& w = roots[static_cast<size_t>(j * k % radix)];
      even += w.real() * sums[j];
      odd_imag += w.imag() * differences[j].real();
      odd_real += w.imag() * differences[j].imag();
    }
    const std::complex<Real> odd(-odd_real, odd_imag);
    results[k] = even + odd;
    results[radix - k] = even - odd;
  }
  std::copy(results, results + radix, x);
}

}  // namespace

bool has_small_factors(int64_t length) { return length > 0 && factors_of(length).second == 1; }

template <class Real>
Fourier<Real>::Fourier(int64_t length) : length_(length) {
  const auto [factors, rest] = factors_of(length);
  if (rest == 1) {
    int64_t before = 1;
    for (int64_t radix : factors) {
      add_pass(radix, before);
      before *= radix;
    }
    return;
  }
  // k*n = (k*k + n*n - (k-n)*(k-n)) / 2 makes the transform a convolution with a chirp.
  padded_ = std::make_unique<Fourier>(static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(2 * length - 1))));
  chirp_.resize(static_cast<size_t>(length));
  filter_.assign(static_cast<size_t>(padded_->length()), Complex());
  for (int64_t k = 0; k < length; ++k, stop_point()) {
    const Complex turn = root<Real>(k * k % (2 * length), 2 * length);
    chirp_[static_cast<size_t>(k)] = turn;
    filter_[static_cast<size_t>(k)] = std::conj(turn);
    if (k > 0) filter_[static_cast<size_t>(padded_->length() - k)] = std::conj(turn);
  }
  std::vector<Complex> scratch;
  padded_->transform(filter_.data(), scratch);
}

template <class Real>
void Fourier<Real>::add_pass(int64_t radix, int64_t before) {
  Pass pass{radix, before, length_ / (before * radix), {}, {}};
  for (int64_t j = 1; j < radix; ++j) {
    for (int64_t i = 0; i < pass.after; ++i) {
      pass.twiddles.push_back(root<Real>(j * before * i, length_));
      stop_point();
    }
  }
  for (int64_t j = 0; j < radix; ++j) pass.roots.push_back(root<Real>(j, radix));
  passes_.push_back(std::move(pass));
}

template <class Real>
void Fourier<Real>::transform(Complex* data, std::vector<Complex>& scratch) const {
  if (padded_) {
    convolve(data, scratch);
  } else {
    run_passes(data, scratch);
  }
}

template <class Real>
void Fourier<Real>::invert(Complex* data, std::vector<Complex>& scratch) const {
  in_pieces(length_, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) data[i] = std::conj(data[i]);
  });
  transform(data, scratch);
  const Real scale = Real(1) / static_cast<Real>(length_);
  in_pieces(length_, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) data[i] = std::conj(data[i]) * scale;
  });
}

template <class Real>
void Fourier<Real>::run_passes(Complex* data, std::vector<Complex>& scratch) const {
  scratch.resize(static_cast<size_t>(length_));
  Complex *from = data, *to = scratch.data();
  Complex x[max_radix];
  for (const Pass& pass : passes_) {
    const int64_t radix = pass.radix, before = pass.before, after = pass.after;
    for (int64_t k = 0; k < before; ++k) {
      for (int64_t i = 0; i < after; ++i, stop_point(radix)) {
        for (int64_t j = 0; j < radix; ++j) x[j] = from[i + after * (j + radix * k)];
        if (radix == 4) {
          radix4(x);
        } else if (radix == 2) {
          radix2(x);
        } else {
          radix_odd(x, radix, pass.roots);
        }
        to[i + after * k] = x[0];
        for (int64_t j = 1; j < radix; ++j) {
          const Complex& twiddle = pass.twiddles[static_cast<size_t>((j - 1) * after + i)];
          to[i + after * (k + before * j)] = i == 0 ? x[j] : times(x[j], twiddle);
        }
      }
    }
    std::swap(from, to);
  }
  if (from != data) std::copy(from, from + length_, data);
}

template <class Real>
void Fourier<Real>::convolve(Complex* data, std::vector<Complex>& scratch) const {
  std::vector<Complex> padded(filter_.size());
  in_pieces(length_, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      padded[static_cast<size_t>(n)] = times(data[n], chirp_[static_cast<size_t>(n)]);
    }
  });
  padded_->transform(padded.data(), scratch);
  in_pieces(padded_->length(), [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i)
      padded[i] = times(padded[i], filter_[i]);
  });
  padded_->invert(padded.data(), scratch);
  in_pieces(length_, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      data[k] = times(padded[static_cast<size_t>(k)], chirp_[static_cast<size_t>(k)]);
    }
  });
}

template class Fourier<float>;
template class Fourier<double>;

}  // namespace kiln::ops
