#pragma once

#include <string_view>
#include <vector>

#include "formats/onnx/wire_writer.hpp"
#include "graph/graph.hpp"

namespace kiln::onnx {

/// The tensors that go into the file beside a model, in order.
class ExternalPlan {
 public:
  ExternalPlan(std::string location, size_t threshold) : location_(std::move(location)), threshold_(threshold) {}

  bool wants(const Tensor& tensor) const;
  /// Plans a tensor in; gives the entries that say where it is.
  Metadata add(const Tensor& tensor);
  /// The whole file, zeros between the tensors included.
  void emit(FunctionRef<void(std::string_view)> sink) const;
  bool empty() const { return placed_.empty(); }

 private:
  struct Placed {
    uint64_t offset;
    Tensor tensor;
  };
  std::string location_;
  size_t threshold_;
  uint64_t end_ = 0;
  std::vector<Placed> placed_;
};

/// A TensorProto; its elements go outside where `external` wants them.
WireWriter write_tensor(std::string_view name, const Tensor& tensor, ExternalPlan* external = nullptr);
WireWriter write_sparse_tensor(std::string_view name, const SparseTensor& sparse);
void write_metadata(WireWriter& out, uint32_t field, const Metadata& metadata);

}  // namespace kiln::onnx
