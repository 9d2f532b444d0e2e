#include <cstring>

#include "api/model_impl.hpp"
#include "formats/onnx/reader.hpp"
#include "formats/onnx/writer.hpp"
#include "runtime/engine_file.hpp"
#include "runtime/shape_inference.hpp"

namespace kiln {

PortInfo port_info(const std::string& name, const Type& type) {
  PortInfo info;
  info.name = name;
  info.type = type.onnx_name();
  info.optional = type.kind == Type::Kind::optional;
  const Type& content = info.optional && type.inner ? *type.inner : type;
  if (content.is_tensor()) info.dtype = content.dtype;
  info.has_shape = content.shape.has_value();
  if (!content.shape) return info;
  for (const Dim& dim : *content.shape) {
    info.shape.push_back({dim.is_known() ? dim.value() : -1, dim.is_symbolic() ? dim.str() : std::string()});
  }
  return info;
}

ModelInfo model_info(const ModelDef& model) {
  ModelInfo info;
  info.ir_version = model.ir_version;
  info.opsets.assign(model.opset_imports.begin(), model.opset_imports.end());
  info.producer_name = model.producer_name;
  info.producer_version = model.producer_version;
  info.domain = model.domain;
  info.model_version = model.model_version;
  info.description = model.doc;
  info.graph_name = model.graph.name;
  info.graph_description = model.graph.doc;
  info.metadata = model.metadata;
  return info;
}

namespace {

std::unique_ptr<ModelImpl> make_impl(ModelDef definition) {
  auto impl = std::make_unique<ModelImpl>();
  impl->info = model_info(definition);
  const Graph& graph = definition.graph;
  for (ValueId id : graph.inputs) {
    if (id == no_value) continue;
    const ValueInfo& value = graph.values[static_cast<size_t>(id)];
    impl->inputs.push_back(port_info(value.name, value.type));
    if (graph.find_initializer(id)) impl->inputs.back().optional = true;
  }
  // What the model leaves out of its outputs' types, inference may know. Faults are for `check` to report.
  Diagnostics diagnostics(Diagnostics::Mode::collect);
  const Facts facts = ShapeInference(definition, diagnostics).run();
  for (ValueId id : graph.outputs) {
    if (id == no_value) continue;
    const auto index = static_cast<size_t>(id);
    impl->outputs.push_back(port_info(graph.values[index].name,
                                      facts[index].type.is_known() ? facts[index].type : graph.values[index].type));
  }
  impl->definition = std::move(definition);
  return impl;
}

ReadOptions read_options(const LoadOptions& options) {
  ReadOptions read;
  read.external_folder = options.external_folder;
  read.load_external = options.external_data;
  return read;
}

}  // namespace

std::string_view version() { return KILN_VERSION; }

Model::Model(std::unique_ptr<ModelImpl> impl) : impl_(std::move(impl)) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

Model Model::load(const std::string& path, const LoadOptions& options) {
  if (is_engine_file(path)) {
    const EngineFile file = EngineFile::open(path);
    auto impl = make_impl(file.model());
    impl->sources = file.record().sources;
    return Model(std::move(impl));
  }
  auto impl = make_impl(read_onnx_file(path, read_options(options)));
  impl->path = path;
  impl->external_folder = options.external_folder;
  return Model(std::move(impl));
}

Model Model::from_memory(std::span<const std::byte> bytes, std::shared_ptr<const void> keeper,
                         const LoadOptions& options) {
  if (!keeper) {
    std::shared_ptr<std::byte[]> copy(new std::byte[bytes.size()]);
    if (!bytes.empty()) std::memcpy(copy.get(), bytes.data(), bytes.size());
    bytes = {copy.get(), bytes.size()};
    keeper = copy;
  }
  auto impl = make_impl(read_onnx_memory(bytes, keeper, read_options(options)));
  impl->memory = bytes;
  impl->memory_keeper = std::move(keeper);
  return Model(std::move(impl));
}

const ModelInfo& Model::info() const { return impl_->info; }
const std::vector<PortInfo>& Model::inputs() const { return impl_->inputs; }
const std::vector<PortInfo>& Model::outputs() const { return impl_->outputs; }
std::string Model::to_onnx() const { return write_onnx(impl_->definition); }
void Model::save_onnx(const std::string& path) const { write_onnx_file(impl_->definition, path); }

}  // namespace kiln
