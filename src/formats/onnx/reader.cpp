#include "formats/onnx/reader.hpp"

#include <fmt/format.h>

#include <new>

#include "base/error.hpp"
#include "base/mapped_file.hpp"
#include "base/safe_open.hpp"
#include "formats/onnx/fields.hpp"
#include "formats/onnx/graph_reader.hpp"
#include "formats/onnx/read_context.hpp"

namespace kiln {
namespace onnx {
namespace {

TrainingInfo read_training(ReadContext& context, std::string_view message) {
  TrainingInfo training;
  context.message(Part::training, message, [&](std::string_view bytes) {
    for (WireReader in(bytes); in.next();) {
      switch (in.field()) {
        case field::training::initialization: read_graph(context, in.bytes(), training.initialization); break;
        case field::training::algorithm: read_graph(context, in.bytes(), training.algorithm); break;
        case field::training::initialization_binding:
          training.initialization_binding.push_back(context.entry(in));
          break;
        case field::training::update_binding: training.update_binding.push_back(context.entry(in)); break;
        default: in.skip();
      }
    }
  });
  return training;
}

void read_fields(ReadContext& context, std::string_view message, ModelDef& model) {
  bool has_graph = false;
  const bool whole = context.message(Part::model, message, [&](std::string_view bytes) {
    for (WireReader in(bytes); in.next();) {
      switch (in.field()) {
        case field::model::ir_version: model.ir_version = in.int64(); break;
        case field::model::producer_name: model.producer_name = context.text(in, "the producer's name"); break;
        case field::model::producer_version: model.producer_version = context.text(in, "the producer's version"); break;
        case field::model::domain: model.domain = context.text(in, "the domain of the model"); break;
        case field::model::model_version: model.model_version = in.int64(); break;
        case field::model::doc: model.doc = context.text(in, "the text about the model"); break;
        case field::model::graph:
          has_graph = true;
          read_graph(context, in.bytes(), model.graph);
          break;
        case field::model::opset_import: read_opset(context, in.bytes(), model.opset_imports); break;
        case field::model::metadata: model.metadata.push_back(context.entry(in)); break;
        case field::model::training_info: model.training_info.push_back(read_training(context, in.bytes())); break;
        case field::model::functions: model.functions.push_back(read_function(context, in.bytes())); break;
        case field::model::configuration: model.configurations.emplace_back(in.bytes()); break;
        default: in.skip();
      }
    }
  });
  if (whole && !has_graph) context.error("missing-graph", "the model has no graph", "Is it an ONNX model at all?");
}

ModelDef read_model(std::string_view bytes, std::shared_ptr<const void> keeper, const ReadOptions& options,
                    Diagnostics* diagnostics) {
  Diagnostics first_fault;
  Diagnostics& sink = diagnostics ? *diagnostics : first_fault;
  ModelDef model;
  try {
    ReadContext context(bytes, std::move(keeper), options, sink);
    read_fields(context, bytes, model);
  } catch (const TooManyFaults&) {
    sink.warning("too-many-faults", "model", "reading was given up after so many faults");
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::out_of_memory, "the model does not fit into memory");
  }
  return model;
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace
}  // namespace onnx

ModelDef read_onnx_file(const std::string& path, const ReadOptions& options, Diagnostics* diagnostics) {
  ReadOptions for_file = options;
  if (for_file.external_folder.empty()) for_file.external_folder = onnx::folder_of(path);
  const auto file = std::make_shared<const MappedFile>(open_file(path));
  if (options.files != nullptr) options.files->push_back(file);
  return with_place([&] { return onnx::read_model(onnx::as_text(file->data()), file, for_file, diagnostics); },
                    [&] { return path; });
}

ModelDef read_onnx_memory(std::span<const std::byte> bytes, std::shared_ptr<const void> keeper,
                          const ReadOptions& options, Diagnostics* diagnostics) {
  return onnx::read_model(onnx::as_text(bytes), std::move(keeper), options, diagnostics);
}

}  // namespace kiln
