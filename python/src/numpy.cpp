#include "numpy.hpp"

#include <nanobind/stl/string.h>

#include <array>

namespace kiln::python {
namespace {

/// numpy's or ml_dtypes' names, in the order of DType.
constexpr std::array<const char*, kDTypeCount> names = {nullptr,
                                                        "float32",
                                                        "uint8",
                                                        "int8",
                                                        "uint16",
                                                        "int16",
                                                        "int32",
                                                        "int64",
                                                        "object",
                                                        "bool",
                                                        "float16",
                                                        "float64",
                                                        "uint32",
                                                        "uint64",
                                                        "complex64",
                                                        "complex128",
                                                        "bfloat16",
                                                        "float8_e4m3fn",
                                                        "float8_e4m3fnuz",
                                                        "float8_e5m2",
                                                        "float8_e5m2fnuz",
                                                        "uint4",
                                                        "int4",
                                                        "float4_e2m1fn",
                                                        "float8_e8m0fnu",
                                                        "uint2",
                                                        "int2",
                                                        "float6_e2m3fn",
                                                        "float6_e3m2fn"};

std::array<PyObject*, kDTypeCount>& known_dtypes() {
  static std::array<PyObject*, kDTypeCount> dtypes{};
  return dtypes;
}

DType dtype_by_name(nb::handle dtype) {
  const auto kind = nb::cast<std::string>(dtype.attr("kind"));
  if (kind == "O" || kind == "U" || kind == "S" || kind == "T") return DType::string;
  const auto name = nb::cast<std::string>(dtype.attr("name"));
  for (size_t i = 1; i < names.size(); ++i) {
    if (name == names[i]) return static_cast<DType>(i);
  }
  throw Error(ErrorCode::invalid_argument, "arrays of type " + name + " cannot be given to a model");
}

}  // namespace

const Numpy& Numpy::get() {
  static const Numpy* const instance = [] {
    const nb::module_ numpy = nb::module_::import_("numpy");
    auto* made = new Numpy();
    made->ndarray = numpy.attr("ndarray");
    made->generic = numpy.attr("generic");
    made->asarray = numpy.attr("asarray");
    made->ascontiguousarray = numpy.attr("ascontiguousarray");
    made->empty = numpy.attr("empty");
    made->object_dtype = numpy.attr("dtype")("object");
    return made;
  }();
  return *instance;
}

nb::handle numpy_dtype(DType dtype) {
  PyObject*& known = known_dtypes()[static_cast<size_t>(dtype)];
  if (!known) {
    const char* name = names[static_cast<size_t>(dtype)];
    if (!name) throw Error(ErrorCode::internal, "a tensor without an element type has no numpy type");
    const nb::object make = nb::module_::import_("numpy").attr("dtype");
    const bool narrow = dtype >= DType::bf16;
    known = (narrow ? make(nb::module_::import_("ml_dtypes").attr(name)) : make(name)).release().ptr();
  }
  return known;
}

DType dtype_from_numpy(nb::handle dtype) {
  const auto& known = known_dtypes();
  for (size_t i = 1; i < known.size(); ++i) {
    if (known[i] == dtype.ptr()) return static_cast<DType>(i);
  }
  const DType found = dtype_by_name(dtype);
  if (found != DType::string && found < DType::bf16) numpy_dtype(found);
  return found;
}

}  // namespace kiln::python
