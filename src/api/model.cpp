#include <algorithm>
#include <cstring>

#include "api/model_impl.hpp"
#include "base/error.hpp"
#include "formats/onnx/reader.hpp"
#include "formats/onnx/writer.hpp"
#include "graph/copy_model.hpp"
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

void describe_ports(ModelImpl& impl) {
  const ModelDef& definition = impl.definition;
  const Graph& graph = definition.graph;
  impl.inputs.clear();
  impl.outputs.clear();
  for (ValueId id : graph.inputs) {
    if (id == no_value) continue;
    const ValueInfo& value = graph.values[static_cast<size_t>(id)];
    impl.inputs.push_back(port_info(value.name, value.type));
    if (graph.find_initializer(id)) impl.inputs.back().optional = true;
  }
  // What the model leaves out of its outputs' types, inference may know. Faults are for `check` to report.
  Diagnostics diagnostics(Diagnostics::Mode::collect);
  const Facts facts = ShapeInference(definition, diagnostics).run();
  for (ValueId id : graph.outputs) {
    if (id == no_value) continue;
    const auto index = static_cast<size_t>(id);
    impl.outputs.push_back(port_info(graph.values[index].name,
                                     facts[index].type.is_known() ? facts[index].type : graph.values[index].type));
  }
}

/// Puts `value` where `choose` picks a dim by its type and axis.
template <class Choose>
void set_dims(ModelImpl& impl, int64_t value, Choose&& choose) {
  if (value < 0) fail(ErrorCode::invalid_argument, "a dim cannot be {}", value);
  for (ValueInfo& info : impl.definition.graph.values) {
    for (size_t axis = 0; info.type.shape && axis < info.type.shape->size(); ++axis) {
      if (Dim& dim = (*info.type.shape)[axis]; !dim.is_known() && choose(info.type, axis)) dim = value;
    }
  }
  describe_ports(impl);
}

ReadOptions read_options(const LoadOptions& options) {
  ReadOptions read;
  read.external_folder = options.external_folder;
  read.load_external = options.external_data;
  return read;
}

}  // namespace

std::unique_ptr<ModelImpl> make_model_impl(ModelDef definition) {
  auto impl = std::make_unique<ModelImpl>();
  impl->info = model_info(definition);
  impl->definition = std::move(definition);
  describe_ports(*impl);
  return impl;
}

std::string_view version() { return KILN_VERSION; }

Model::Model(std::unique_ptr<ModelImpl> impl) : impl_(std::move(impl)) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

Model Model::load(const std::string& path, const LoadOptions& options) {
  if (is_engine_file(path)) {
    const EngineFile file = EngineFile::open(path);
    auto impl = make_model_impl(file.model());
    impl->sources = file.record().sources;
    return Model(std::move(impl));
  }
  MappedFiles files;
  ReadOptions read = read_options(options);
  read.files = &files;
  auto impl = make_model_impl(read_onnx_file(path, read));
  impl->files = std::move(files);
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
  auto impl = make_model_impl(read_onnx_memory(bytes, keeper, read_options(options)));
  impl->memory = bytes;
  impl->memory_keeper = std::move(keeper);
  return Model(std::move(impl));
}

Model Model::copy() const {
  auto impl = std::make_unique<ModelImpl>(*impl_);
  impl->definition = copy_model(std::move(impl->definition));
  return Model(std::move(impl));
}

const ModelInfo& Model::info() const { return impl_->info; }
const std::vector<PortInfo>& Model::inputs() const { return impl_->inputs; }
const std::vector<PortInfo>& Model::outputs() const { return impl_->outputs; }

void Model::set_dim(std::string_view symbol, int64_t value) {
  const Dim wanted = Dim::symbol(symbol);
  set_dims(*impl_, value, [&](const Type& type, size_t axis) { return (*type.shape)[axis] == wanted; });
}

void Model::set_dims_denoted(std::string_view denotation, int64_t value) {
  set_dims(*impl_, value, [&](const Type& type, size_t axis) {
    return axis < type.dim_denotations.size() && type.dim_denotations[axis] == denotation;
  });
}

void Model::set_initializer(std::string_view name, Tensor tensor) {
  Graph& graph = impl_->definition.graph;
  const ValueId id = graph.find_value(name);
  const auto found = std::ranges::find(graph.initializers, id, &Initializer::value);
  if (id == no_value || found == graph.initializers.end()) {
    fail(ErrorCode::invalid_argument, "the model has no initialiser '{}'", name);
  }
  if (tensor.dtype() != found->tensor.dtype() || tensor.shape() != found->tensor.shape()) {
    fail(ErrorCode::invalid_argument, "initialiser '{}' is {} {}, found {} {}", name, dtype_name(found->tensor.dtype()),
         to_string(found->tensor.shape()), dtype_name(tensor.dtype()), to_string(tensor.shape()));
  }
  found->tensor = std::move(tensor);
  found->external.clear();
}

std::string Model::to_onnx() const { return write_onnx(impl_->definition); }
void Model::save_onnx(const std::string& path) const { write_onnx_file(impl_->definition, path); }

}  // namespace kiln
