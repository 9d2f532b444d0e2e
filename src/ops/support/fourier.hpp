#pragma once

#include <complex>
#include <cstdint>
#include <memory>
#include <vector>

namespace kiln::ops {

/// The discrete Fourier transform of one length, computed in float or double: radix by radix where the length has small
/// prime factors only, as a convolution (Bluestein) otherwise.
template <class Real>
class Fourier {
 public:
  using Complex = std::complex<Real>;

  explicit Fourier(int64_t length);  ///< of 1 or more

  int64_t length() const { return length_; }
  /// data[k] = sum over n of data[n] * exp(-2*pi*i*k*n / length), in place. `scratch` is kept between calls by the
  /// caller, one for each thread.
  void transform(Complex* data, std::vector<Complex>& scratch) const;
  /// The reverse: exp(+...), divided by the length.
  void invert(Complex* data, std::vector<Complex>& scratch) const;

 private:
  /// Splits `after * radix` results into `radix` times `after`, in `before` places. The element of part j at i of place
  /// k stands at input[i + after * (j + radix * k)] and goes to output[i + after * (k + before * j)].
  struct Pass {
    int64_t radix, before, after;
    std::vector<Complex> twiddles;  ///< [j - 1][i], of parts 1 and up
    std::vector<Complex> roots;     ///< exp(-2*pi*i*j / radix)
  };

  void add_pass(int64_t radix, int64_t before);
  void run_passes(Complex* data, std::vector<Complex>& scratch) const;
  void convolve(Complex* data, std::vector<Complex>& scratch) const;

  int64_t length_;
  std::vector<Pass> passes_;
  std::unique_ptr<Fourier> padded_;  ///< Bluestein's transform, of a power of two
  std::vector<Complex> chirp_;       ///< exp(-pi*i*k*k / length)
  std::vector<Complex> filter_;      ///< the padded transform of the conjugate chirp
};

/// True for a length whose transform needs no convolution.
bool has_small_factors(int64_t length);

/// The longest transform that operators do.
inline constexpr int64_t max_fourier_length = int64_t{1} << 26;

extern template class Fourier<float>;
extern template class Fourier<double>;

}  // namespace kiln::ops
