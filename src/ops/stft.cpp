#include <algorithm>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/fourier.hpp"
#include "ops/support/infer.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText stft_versions[] = {
    {17, "signal:T1 frame_step:T2 window?:T1 frame_length?:T2 -> output:T1", "onesided:int=1",
     "T1=real,bf16 T2=i32,i64"},
};

void check_signal_rank(size_t rank) {
  if (rank != 2 && rank != 3) {
    fail(ErrorCode::invalid_argument, "the signal must be of shape [batch, length, 1 or 2], found rank {}", rank);
  }
}

void check_frame_step(int64_t step) {
  if (step < 1) fail(ErrorCode::invalid_argument, "frame_step is {}, expected 1 or more", step);
}

void check_single(const InferContext& c, size_t input) {
  const SymShape* shape = c.shape(input);
  if (shape && !shape->empty()) {
    fail(ErrorCode::invalid_argument, "input {} must be a scalar, found shape {}", input, to_string(*shape));
  }
}

Dim number(const InferContext& c, size_t input) {
  const auto elements = c.dims(input);
  return elements && elements->size() == 1 ? elements->front() : Dim();
}

/// How long a frame is: as said, as long as the window, or all of the signal.
Dim frame_length(const InferContext& c, const Dim& signal) {
  Dim length = signal;
  if (c.has_input(3)) length = number(c, 3);
  if (!c.has_input(2)) return length;
  const SymShape* window = c.shape(2);
  if (!window) return c.has_input(3) ? length : Dim();
  if (window->size() != 1) {
    fail(ErrorCode::invalid_argument, "the window must be a list, found shape {}", to_string(*window));
  }
  return c.has_input(3) ? merge_dims(length, window->front(), "frame_length and the window's length") : window->front();
}

void infer_stft(InferContext& c) {
  check_single(c, 1);
  check_single(c, 3);
  const SymShape* signal = c.shape(0);
  if (!signal) return c.set_output(0, c.dtype(0), SymShape{Dim(), Dim(), Dim(), Dim(2)});
  check_signal_rank(signal->size());
  const Dim step = number(c, 1), length = frame_length(c, (*signal)[1]);
  if (step.is_known()) check_frame_step(step.value());
  const Dim frames = floor_div((*signal)[1] - length, step) + Dim(1);
  const Dim bins = c.attr_int("onesided") != 0 ? floor_div(length, Dim(2)) + Dim(1) : length;
  if (frames.is_known() && frames.value() < 0) {
    fail(ErrorCode::invalid_argument, "frames of {} do not fit a signal of {}", length.str(), (*signal)[1].str());
  }
  c.set_output(0, c.dtype(0), SymShape{signal->front(), frames, bins, Dim(2)});
}

struct Framing {
  int64_t batch, signal, parts, step, length, frames, bins;
  std::vector<double> window;
};

std::vector<double> window_of(const EvalContext& c, int64_t length) {
  if (!c.has_input(2)) return std::vector<double>(static_cast<size_t>(length), 1.0);
  const Tensor& window = c.input(2);
  if (window.shape() != Shape{length}) {
    fail(ErrorCode::invalid_argument, "the window is of shape {}, expected the frame length {}",
         to_string(window.shape()), length);
  }
  return dispatch(FloatTypes{}, window.dtype(), [&]<class T> {
    return std::vector<double>(window.elements<T>().begin(), window.elements<T>().end());
  });
}

Framing framing_of(const EvalContext& c) {
  const Tensor& signal = c.input(0);
  check_signal_rank(signal.shape().size());
  Framing f;
  f.batch = signal.dim(0);
  f.signal = signal.dim(1);
  f.parts = signal.rank() == 3 ? signal.dim(2) : 1;
  if (f.parts != 1 && f.parts != 2) {
    fail(ErrorCode::invalid_argument, "the signal's last dim is {}, expected 1 (real) or 2 (complex)", f.parts);
  }
  f.step = c.input_int(1);
  check_frame_step(f.step);
  f.length = c.has_input(3) ? c.input_int(3) : c.has_input(2) ? c.input(2).size() : f.signal;
  if (f.length < 1 || f.length > f.signal || f.length > max_fourier_length) {
    fail(ErrorCode::invalid_argument, "frames of {} do not fit a signal of {}", f.length, f.signal);
  }
  f.window = window_of(c, f.length);
  f.frames = (f.signal - f.length) / f.step + 1;
  f.bins = c.attr_int("onesided") != 0 ? f.length / 2 + 1 : f.length;
  return f;
}

using Complex = std::complex<double>;

template <class T>
void transform_frame(const Framing& f, const Fourier<double>& fourier, const T* from, T* to, std::vector<Complex>& data,
                     std::vector<Complex>& scratch) {
  data.resize(static_cast<size_t>(f.length));
  for (int64_t n = 0; n < f.length; ++n) {
    const T* sample = from + n * f.parts;
    const double weight = f.window[static_cast<size_t>(n)];
    data[static_cast<size_t>(n)] = {static_cast<double>(sample[0]) * weight,
                                    f.parts == 2 ? static_cast<double>(sample[1]) * weight : 0};
  }
  fourier.transform(data.data(), scratch);
  for (int64_t k = 0; k < f.bins; ++k) {
    to[2 * k] = static_cast<T>(data[static_cast<size_t>(k)].real());
    to[2 * k + 1] = static_cast<T>(data[static_cast<size_t>(k)].imag());
  }
}

void eval_stft(EvalContext& c) {
  const Framing f = framing_of(c);
  const Fourier<double> fourier(f.length);
  Tensor& output = c.output(0, c.input(0).dtype(), {f.batch, f.frames, f.bins, 2});
  dispatch(FloatTypes{}, output.dtype(), [&]<class T> {
    const T* from = c.input(0).data<T>();
    T* to = output.mutable_data<T>();
    c.parallel_for(f.batch * f.frames, 1 + 4096 / f.length, [&](int64_t begin, int64_t end) {
      std::vector<Complex> data, scratch;
      for (int64_t i = begin; i < end; ++i) {
        const int64_t first = i / f.frames * f.signal + i % f.frames * f.step;
        transform_frame(f, fourier, from + first * f.parts, to + i * f.bins * 2, data, scratch);
      }
    });
  });
}

}  // namespace

extern const OpDef stft_op{"", "STFT", stft_versions, infer_stft, eval_stft};

}  // namespace kiln::ops
