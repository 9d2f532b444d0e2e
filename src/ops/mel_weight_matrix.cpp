#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/infer.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText mel_weight_matrix_versions[] = {
    {17, "num_mel_bins:T1 dft_length:T1 sample_rate:T1 lower_edge_hertz:T2 upper_edge_hertz:T2 -> output:T3",
     "output_datatype:int=1", "T1=i32,i64 T2=real,bf16 T3=numeric,bf16"},
};

DType output_type(const NodeView& node) {
  const int64_t number = node.attr_int("output_datatype");
  const auto dtype = static_cast<DType>(number >= 0 && number < kDTypeCount ? number : 0);
  const bool numeric = is_int(dtype) || is_float(dtype);
  if (!numeric || (dtype_size(dtype) == 1 && dtype != DType::i8 && dtype != DType::u8)) {
    fail(ErrorCode::invalid_argument, "attribute 'output_datatype' is {}, which is no type for the output", number);
  }
  return dtype;
}

Dim given_number(const InferContext& c, size_t input) {
  if (const SymShape* shape = c.shape(input); shape && !shape->empty()) {
    fail(ErrorCode::invalid_argument, "input {} must be a scalar, found shape {}", input, to_string(*shape));
  }
  const auto elements = c.dims(input);
  return elements && elements->size() == 1 ? elements->front() : Dim();
}

void infer_mel_weight_matrix(InferContext& c) {
  const Dim bins = given_number(c, 0), length = given_number(c, 1);
  c.set_output(0, output_type(c), SymShape{floor_div(length, Dim(2)) + Dim(1), bins});
}

double real_number(const Tensor& tensor, const char* what) {
  if (tensor.size() != 1) {
    fail(ErrorCode::invalid_argument, "{} must be one number, found {}", what, tensor.size());
  }
  return dispatch(FloatTypes{}, tensor.dtype(), [&]<class T> { return static_cast<double>(tensor.data<T>()[0]); });
}

double to_mel(double hertz) { return 2595 * std::log1p(hertz / 700) / std::log(10.0); }
double to_hertz(double mel) { return 700 * std::expm1(mel / 2595 * std::log(10.0)); }

struct Triangle {
  int64_t left, center, right;

  /// Rises from 0 at the left to 1 at the centre, and falls to 0 at the right.
  double at(int64_t place) const {
    if (place == center) return 1;
    if (place < left || place >= right) return 0;
    return place < center ? static_cast<double>(place - left) / static_cast<double>(center - left)
                          : static_cast<double>(right - place) / static_cast<double>(right - center);
  }
};

void eval_mel_weight_matrix(EvalContext& c) {
  const int64_t bins = c.input_int(0), length = c.input_int(1), rate = c.input_int(2);
  const double low = to_mel(real_number(c.input(3), "lower_edge_hertz"));
  const double high = to_mel(real_number(c.input(4), "upper_edge_hertz"));
  if (bins < 0 || length < 0 || rate < 1) {
    fail(ErrorCode::invalid_argument, "num_mel_bins {}, dft_length {} and sample_rate {} should be positive", bins,
         length, rate);
  }
  const int64_t rows = length / 2 + 1;
  Tensor& output = c.output(0, output_type(c), {rows, bins});
  const double step = (high - low) / (static_cast<double>(bins) + 2);
  const auto edge = [&](int64_t i) {
    const double hertz = to_hertz(static_cast<double>(i) * step + low);
    const double place = std::floor((static_cast<double>(length) + 1) * hertz / static_cast<double>(rate));
    if (!(place >= 0 && place <= static_cast<double>(rows))) {
      fail(ErrorCode::invalid_argument, "edge {} of the mel bands lies at bin {}, outside the spectrum of {} bins", i,
           place, rows);
    }
    return static_cast<int64_t>(place);
  };
  dispatch(NumericTypes{}, output.dtype(), [&]<class T> {
    T* to = output.mutable_data<T>();
    for (int64_t i = 0; i < bins; ++i) {
      const Triangle triangle{edge(i), edge(i + 1), edge(i + 2)};
      for (int64_t row = 0; row < rows; ++row) to[row * bins + i] = static_cast<T>(triangle.at(row));
    }
  });
}

}  // namespace

extern const OpDef mel_weight_matrix_op{"", "MelWeightMatrix", mel_weight_matrix_versions, infer_mel_weight_matrix,
                                        eval_mel_weight_matrix};

}  // namespace kiln::ops
