#include <nanobind/ndarray.h>

#include <nanobind/stl/string.h>

#include "bindings.hpp"
#include "numpy.hpp"

namespace kiln::python {
namespace {

nb::dlpack::dtype dlpack_type(DType dtype) {
  using Code = nb::dlpack::dtype_code;
  const auto bits = static_cast<uint8_t>(8 * dtype_size(dtype));
  Code code = Code::UInt;
  if (dtype == DType::boolean) {
    code = Code::Bool;
  } else if (dtype == DType::bf16) {
    code = Code::Bfloat;
  } else if (is_complex(dtype)) {
    code = Code::Complex;
  } else if (dtype == DType::f16 || dtype == DType::f32 || dtype == DType::f64) {
    code = Code::Float;
  } else if (is_signed_int(dtype) && dtype_bits(dtype) >= 8) {
    code = Code::Int;
  } else if (!is_unsigned_int(dtype) || dtype_bits(dtype) < 8) {
    throw Error(ErrorCode::unsupported, "DLPack cannot say what a tensor of " + std::string(dtype_name(dtype)) + " is");
  }
  return {static_cast<uint8_t>(code), bits, 1};
}

DType dtype_of_dlpack(nb::dlpack::dtype type) {
  for (int i = 1; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    if (dtype == DType::string || is_float(dtype) != (i == 1 || i == 10 || i == 11 || i == 16)) continue;
    if (dtype_bits(dtype) >= 8 && dlpack_type(dtype) == type) return dtype;
  }
  throw Error(ErrorCode::unsupported, "a DLPack tensor of code " + std::to_string(type.code) + " and " +
                                          std::to_string(type.bits) + " bits is no type that models have");
}

nb::object array_from_dlpack(nb::object given) { return value_to_python(tensor_from_dlpack(std::move(given))); }

nb::object dlpack_from_array(nb::object array) {
  const DType dtype = dtype_from_numpy(array.attr("dtype"));
  const nb::object rows = Numpy::get().ascontiguousarray(array);
  std::vector<size_t> shape;
  for (nb::handle dim : array.attr("shape")) shape.push_back(nb::cast<size_t>(dim));
  auto* const data = reinterpret_cast<void*>(nb::cast<uintptr_t>(rows.attr("ctypes").attr("data")));
  const nb::ndarray<> view(data, shape.size(), shape.data(), rows, nullptr, dlpack_type(dtype));
  return nb::cast(view);
}

}  // namespace

Tensor tensor_from_dlpack(nb::object given) {
  // A tensor of torch that takes part in training gives its elements only when it is told that none of it counts.
  if (nb::hasattr(given, "requires_grad") && nb::cast<bool>(nb::bool_(given.attr("requires_grad")))) {
    given = given.attr("detach")();
  }
  using Array = nb::ndarray<nb::ro, nb::device::cpu, nb::c_contig>;
  Array source;
  if (!nb::try_cast(given, source)) {
    throw Error(ErrorCode::invalid_argument, "an object of type " +
                                                 nb::cast<std::string>(nb::str(given.type().attr("__name__"))) +
                                                 " gives no tensor in the CPU's memory");
  }
  const DType dtype = dtype_of_dlpack(source.dtype());
  Shape shape;
  for (size_t i = 0; i < source.ndim(); ++i) shape.push_back(static_cast<int64_t>(source.shape(i)));
  const size_t bytes = source.nbytes();
  const void* const data = source.data();
  auto keeper = std::shared_ptr<Array>(new Array(std::move(source)), [](Array* array) {
    const nb::gil_scoped_acquire gil;
    delete array;
  });
  return Tensor::borrow(dtype, std::move(shape), data, bytes, std::move(keeper));
}

void bind_dlpack(nb::module_& module) {
  module.def("array_from_dlpack", &array_from_dlpack, nb::arg("source"),
             "An array in the memory of what DLPack gives: an object with __dlpack__, or a capsule.");
  module.def("dlpack_from_array", &dlpack_from_array, nb::arg("array"),
             "A capsule with the memory of an array, also of types that numpy does not have.");
}

}  // namespace kiln::python
