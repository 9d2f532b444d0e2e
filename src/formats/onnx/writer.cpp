#include "formats/onnx/writer.hpp"

#include "base/atomic_write.hpp"
#include "base/error.hpp"
#include "formats/onnx/fields.hpp"
#include "formats/onnx/graph_writer.hpp"

namespace kiln {
namespace onnx {
namespace {

constexpr size_t protobuf_limit = INT32_MAX;
constexpr size_t default_threshold = 1024;

bool is_empty(const Graph& graph) { return graph.name.empty() && graph.nodes.empty() && graph.outputs.empty(); }

WireWriter write_training(const TrainingInfo& training, ExternalPlan* external) {
  WireWriter out;
  if (!is_empty(training.initialization)) {
    out.message(field::training::initialization, write_graph(training.initialization, external));
  }
  if (!is_empty(training.algorithm)) out.message(field::training::algorithm, write_graph(training.algorithm, external));
  write_metadata(out, field::training::initialization_binding, training.initialization_binding);
  write_metadata(out, field::training::update_binding, training.update_binding);
  return out;
}

WireWriter write_model(const ModelDef& model, ExternalPlan* external) {
  WireWriter out;
  out.int64(field::model::ir_version, model.ir_version);
  out.text(field::model::producer_name, model.producer_name);
  out.text(field::model::producer_version, model.producer_version);
  out.text(field::model::domain, model.domain);
  if (model.model_version != 0) out.int64(field::model::model_version, model.model_version);
  out.text(field::model::doc, model.doc);
  out.message(field::model::graph, write_graph(model.graph, external));
  write_opsets(out, field::model::opset_import, model.opset_imports);
  write_metadata(out, field::model::metadata, model.metadata);
  for (const TrainingInfo& training : model.training_info) {
    out.message(field::model::training_info, write_training(training, external));
  }
  for (const Function& function : model.functions) {
    out.message(field::model::functions, write_function(function, external));
  }
  for (const std::string& encoded : model.configurations) out.bytes(field::model::configuration, encoded);
  return out;
}

void check_size(const WireWriter& out) {
  if (out.size() <= protobuf_limit) return;
  fail(ErrorCode::limit_exceeded,
       "the model takes {} bytes, and a protobuf message holds at most {}: write it with external data", out.size(),
       protobuf_limit);
}

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace
}  // namespace onnx

void write_onnx(const ModelDef& model, FunctionRef<void(std::string_view)> sink) {
  const onnx::WireWriter out = onnx::write_model(model, nullptr);
  onnx::check_size(out);
  out.emit(sink);
}

std::string write_onnx(const ModelDef& model) {
  const onnx::WireWriter out = onnx::write_model(model, nullptr);
  onnx::check_size(out);
  std::string bytes;
  bytes.reserve(out.size());
  out.emit([&](std::string_view piece) { bytes += piece; });
  return bytes;
}

void write_onnx_file(const ModelDef& model, const std::string& path, const WriteOptions& options) {
  const std::string data_path = path + ".data";
  onnx::ExternalPlan plan(onnx::file_name(data_path),
                          options.external_data_threshold.value_or(onnx::default_threshold));
  onnx::WireWriter out = onnx::write_model(model, options.external_data_threshold ? &plan : nullptr);
  if (!options.external_data_threshold && out.size() > onnx::protobuf_limit) out = onnx::write_model(model, &plan);
  onnx::check_size(out);
  if (!plan.empty()) {
    write_file_atomically(data_path,
                          [&](FileWriter& file) { plan.emit([&](std::string_view piece) { file.write(piece); }); });
  }
  write_file_atomically(path, [&](FileWriter& file) { out.emit([&](std::string_view piece) { file.write(piece); }); });
}

}  // namespace kiln
