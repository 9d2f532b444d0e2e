#pragma once

#include <complex>
#include <cstdint>
#include <vector>

namespace kiln::ops {

using Complex = std::complex<double>;

/// The discrete Fourier transform of one length, any length, in double precision: by halves for powers of two, from
/// the definition for other small ones, as a convolution (Bluestein) for the rest.
class Fourier {
 public:
  explicit Fourier(int64_t length);

  int64_t length() const { return length_; }
  /// data[k] = sum over n of data[n] * exp(-2*pi*i*k*n / length), in place. `scratch` is kept between calls by the
  /// caller, one for each thread.
  void transform(Complex* data, std::vector<Complex>& scratch) const;
  /// The reverse: exp(+…), divided by the length.
  void invert(Complex* data, std::vector<Complex>& scratch) const;

 private:
  void by_definition(Complex* data, std::vector<Complex>& scratch) const;
  void by_convolution(Complex* data, std::vector<Complex>& scratch) const;

  int64_t length_;
  int64_t padded_;               ///< the power of two that is transformed by halves: the length itself or Bluestein's
  std::vector<Complex> roots_;   ///< exp(-2*pi*i*k / padded_), or of the length where the definition is used
  std::vector<Complex> chirp_;   ///< exp(-pi*i*k*k / length)
  std::vector<Complex> filter_;  ///< the transform of the conjugate chirp, divided by padded_
};

/// The longest transform that is done.
inline constexpr int64_t max_fourier_length = int64_t{1} << 26;

}  // namespace kiln::ops
