#include "cli/elements.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <variant>

#include "cli/terminal.hpp"
#include "ops/support/convert.hpp"

namespace kiln::cli {
namespace {

using Number = std::variant<float, double, int64_t, uint64_t>;

const std::byte* address(const Tensor& tensor, int64_t index) {
  return static_cast<const std::byte*>(tensor.raw()) + static_cast<size_t>(index) * dtype_size(tensor.dtype());
}

/// A real element in the type that holds it exactly.
Number number_at(const Tensor& tensor, int64_t index) {
  const auto widen = [&]<class T>(T) {
    T value{};
    ops::widen_loop(tensor.dtype())(address(tensor, index), 1, &value, 1);
    return value;
  };
  switch (ops::carrier_of(tensor.dtype())) {
    case DType::f32: return widen(0.0f);
    case DType::f64: return widen(0.0);
    case DType::u64: return widen(uint64_t{0});
    default: return widen(int64_t{0});
  }
}

std::complex<double> complex_at(const Tensor& tensor, int64_t index) {
  if (tensor.dtype() == DType::c64) return std::complex<double>(tensor.data<std::complex<float>>()[index]);
  return tensor.data<std::complex<double>>()[index];
}

std::string number_text(const Number& number) {
  return std::visit(
      [](auto value) {
        if constexpr (std::is_floating_point_v<decltype(value)>)
          return fmt::format("{:.6g}", value);
        else
          return fmt::format("{}", value);
      },
      number);
}

}  // namespace

bool is_numeric(const Tensor& tensor) { return tensor.dtype() != DType::string; }

Summary summarise(const Tensor& tensor) {
  Summary summary;
  const bool complex = is_complex(tensor.dtype());
  double sum = 0;
  for (int64_t i = 0; i < tensor.size(); ++i) {
    const double value =
        complex ? std::abs(complex_at(tensor, i))
                : std::visit([](auto number) { return static_cast<double>(number); }, number_at(tensor, i));
    if (!std::isfinite(value)) {
      ++summary.not_finite;
      continue;
    }
    summary.min = summary.counted == 0 ? value : std::min(summary.min, value);
    summary.max = summary.counted == 0 ? value : std::max(summary.max, value);
    sum += value;
    ++summary.counted;
  }
  if (summary.counted > 0) summary.mean = sum / static_cast<double>(summary.counted);
  return summary;
}

std::string element_text(const Tensor& tensor, int64_t index) {
  if (tensor.dtype() == DType::string) return fmt::format("\"{}\"", printable(tensor.data<std::string>()[index]));
  if (is_complex(tensor.dtype())) {
    const std::complex<double> value = complex_at(tensor, index);
    return fmt::format("{:.6g}{:+.6g}i", value.real(), value.imag());
  }
  const Number number = number_at(tensor, index);
  if (tensor.dtype() == DType::boolean) return std::get<int64_t>(number) != 0 ? "true" : "false";
  return number_text(number);
}

Json number_json(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return value;
}

Json element_json(const Tensor& tensor, int64_t index) {
  if (tensor.dtype() == DType::string) return tensor.data<std::string>()[index];
  if (is_complex(tensor.dtype())) {
    const std::complex<double> value = complex_at(tensor, index);
    return Json::array({number_json(value.real()), number_json(value.imag())});
  }
  const Number number = number_at(tensor, index);
  if (tensor.dtype() == DType::boolean) return std::get<int64_t>(number) != 0;
  return std::visit(
      [](auto value) -> Json {
        if constexpr (std::is_same_v<decltype(value), float>) {
          // The shortest text that gives the float back, not the digits of its double.
          return std::isfinite(value) ? Json(std::stod(fmt::format("{}", value))) : number_json(value);
        } else if constexpr (std::is_same_v<decltype(value), double>) {
          return number_json(value);
        } else {
          return value;
        }
      },
      number);
}

std::string first_elements(const Tensor& tensor, int64_t most) {
  std::string text = "[";
  for (int64_t i = 0; i < std::min(most, tensor.size()); ++i) text += (i == 0 ? "" : ", ") + element_text(tensor, i);
  if (tensor.size() > most) text += ", ...";
  return text + "]";
}

}  // namespace kiln::cli
