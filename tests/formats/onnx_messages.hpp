#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <protozero/pbf_writer.hpp>
#include <string>
#include <vector>

#include "formats/onnx/fields.hpp"
#include "formats/onnx/reader.hpp"

/// Makes the protobuf messages that the tests of the ONNX reader read.
namespace kiln::onnx_test {

namespace field = onnx::field;
using Writer = protozero::pbf_writer;
using Fill = std::function<void(Writer&)>;

inline std::string message(const Fill& fill) {
  std::string bytes;
  Writer writer(bytes);
  fill(writer);
  return bytes;
}

inline std::string tensor(
    DType dtype, const Shape& shape, const Fill& data = [](Writer&) {}) {
  return message([&](Writer& out) {
    for (const int64_t dim : shape) out.add_int64(field::tensor::dims, dim);
    out.add_int32(field::tensor::data_type, static_cast<int32_t>(dtype));
    out.add_string(field::tensor::name, "w");
    data(out);
  });
}

inline std::string raw_tensor(DType dtype, const Shape& shape, const std::string& raw) {
  return tensor(dtype, shape, [&](Writer& out) { out.add_bytes(field::tensor::raw_data, raw); });
}

/// A model of a graph named "g".
inline std::string model(const Fill& graph) {
  return message([&](Writer& out) {
    out.add_int64(field::model::ir_version, 10);
    out.add_message(field::model::graph, message([&](Writer& inner) {
                      inner.add_string(field::graph::name, "g");
                      graph(inner);
                    }));
    out.add_message(field::model::opset_import,
                    message([](Writer& inner) { inner.add_int64(field::opset::version, 21); }));
  });
}

inline std::string model_with_initializer(const std::string& encoded_tensor) {
  return model([&](Writer& graph) { graph.add_message(field::graph::initializer, encoded_tensor); });
}

inline ModelDef read(const std::string& bytes, Diagnostics* diagnostics = nullptr, const ReadOptions& options = {}) {
  const auto kept = std::make_shared<const std::string>(bytes);
  return read_onnx_memory(std::as_bytes(std::span(*kept)), kept, options, diagnostics);
}

/// The rules that are broken, in the order found.
inline std::vector<std::string> rules(const std::string& bytes, const ReadOptions& options = {}) {
  Diagnostics diagnostics(Diagnostics::Mode::collect);
  read(bytes, &diagnostics, options);
  std::vector<std::string> found;
  for (const Finding& finding : diagnostics.findings()) found.push_back(finding.rule);
  return found;
}

inline Tensor read_tensor(const std::string& encoded) {
  const ModelDef read_back = read(model_with_initializer(encoded));
  EXPECT_EQ(read_back.graph.initializers.size(), 1u);
  return read_back.graph.initializers.at(0).tensor;
}

inline std::vector<int> bytes_of(const Tensor& tensor) {
  const auto* raw = static_cast<const uint8_t*>(tensor.raw());
  return {raw, raw + tensor.bytes()};
}

template <class T>
std::string raw_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

}  // namespace kiln::onnx_test
