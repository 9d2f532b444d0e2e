#include "formats/onnx/graph_writer.hpp"

#include "base/error.hpp"
#include "formats/onnx/fields.hpp"
#include "formats/onnx/type_writer.hpp"

namespace kiln::onnx {
namespace {

/// Writes the value of an attribute into the field that is made for its type.
struct ValueWriter {
  WireWriter& out;
  ExternalPlan* external;

  void operator()(std::monostate) const {}
  void operator()(float value) const { out.float32(field::attribute::f, value); }
  void operator()(int64_t value) const { out.int64(field::attribute::i, value); }
  void operator()(const std::string& value) const { out.bytes(field::attribute::s, value); }
  void operator()(const Tensor& value) const { out.message(field::attribute::t, write_tensor({}, value)); }
  void operator()(const std::shared_ptr<Graph>& value) const {
    out.message(field::attribute::g, write_graph(*value, external));
  }
  void operator()(const SparseTensor& value) const {
    out.message(field::attribute::sparse_tensor, write_sparse_tensor({}, value));
  }
  void operator()(const Type& value) const { out.message(field::attribute::tp, write_type(value)); }
  void operator()(const std::vector<float>& values) const {
    for (const float value : values) out.float32(field::attribute::floats, value);
  }
  void operator()(const std::vector<int64_t>& values) const {
    for (const int64_t value : values) out.int64(field::attribute::ints, value);
  }
  void operator()(const std::vector<std::string>& values) const {
    for (const std::string& value : values) out.bytes(field::attribute::strings, value);
  }
  void operator()(const std::vector<Tensor>& values) const {
    for (const Tensor& value : values) out.message(field::attribute::tensors, write_tensor({}, value));
  }
  void operator()(const std::vector<std::shared_ptr<Graph>>& values) const {
    for (const auto& value : values) out.message(field::attribute::graphs, write_graph(*value, external));
  }
  void operator()(const std::vector<SparseTensor>& values) const {
    for (const SparseTensor& value : values) {
      out.message(field::attribute::sparse_tensors, write_sparse_tensor({}, value));
    }
  }
  void operator()(const std::vector<Type>& values) const {
    for (const Type& value : values) out.message(field::attribute::type_protos, write_type(value));
  }
};

WireWriter write_attribute(const Attribute& attribute, ExternalPlan* external) {
  const bool refers = !attribute.ref_name.empty();
  if (!refers && attribute.data.index() != static_cast<size_t>(attribute.type)) {
    fail(ErrorCode::invalid_argument, "attribute '{}' of type {} does not hold a value of that type", attribute.name,
         attribute_type_name(attribute.type));
  }
  WireWriter out;
  out.bytes(field::attribute::name, attribute.name);
  if (!refers) std::visit(ValueWriter{out, external}, attribute.data);
  out.text(field::attribute::doc, attribute.doc);
  out.varint(field::attribute::type, static_cast<uint64_t>(attribute.type));
  out.text(field::attribute::ref_attr_name, attribute.ref_name);
  return out;
}

WireWriter write_node(const Node& node, const Graph& graph, ExternalPlan* external) {
  WireWriter out;
  for (const ValueId id : node.inputs) out.bytes(field::node::input, graph.name_of(id));
  for (const ValueId id : node.outputs) out.bytes(field::node::output, graph.name_of(id));
  out.text(field::node::name, node.name);
  out.bytes(field::node::op_type, node.op_type);
  for (const Attribute& attribute : node.attributes) {
    out.message(field::node::attribute, write_attribute(attribute, external));
  }
  out.text(field::node::doc, node.doc);
  out.text(field::node::domain, node.domain);
  out.text(field::node::overload, node.overload);
  write_metadata(out, field::node::metadata, node.metadata);
  for (const std::string& encoded : node.device_configurations) {
    out.bytes(field::node::device_configurations, encoded);
  }
  return out;
}

WireWriter write_value_info(const ValueInfo& value) {
  WireWriter out;
  out.bytes(field::value_info::name, value.name);
  if (value.type.is_known()) out.message(field::value_info::type, write_type(value.type));
  out.text(field::value_info::doc, value.doc);
  write_metadata(out, field::value_info::metadata, value.metadata);
  return out;
}

/// What the model itself says of values that are neither inputs nor outputs.
void write_inner_infos(WireWriter& out, uint32_t field, const Graph& graph, bool with_ends) {
  std::vector<bool> is_end(graph.values.size(), false);
  if (!with_ends) {
    for (const auto* ends : {&graph.inputs, &graph.outputs}) {
      for (const ValueId id : *ends) is_end[static_cast<size_t>(id)] = true;
    }
  }
  for (size_t i = 0; i < graph.values.size(); ++i) {
    const ValueInfo& value = graph.values[i];
    if (!is_end[i] && (value.has_info || !value.doc.empty() || !value.metadata.empty())) {
      out.message(field, write_value_info(value));
    }
  }
}

WireWriter write_initializer(const Initializer& initializer, const Graph& graph, ExternalPlan* external) {
  WireWriter out = write_tensor(graph.name_of(initializer.value), initializer.tensor, external);
  out.text(field::tensor::doc, initializer.doc);
  write_metadata(out, field::tensor::metadata, initializer.metadata);
  return out;
}

}  // namespace

WireWriter write_graph(const Graph& graph, ExternalPlan* external) {
  WireWriter out;
  for (const Node& node : graph.nodes) out.message(field::graph::node, write_node(node, graph, external));
  // The standard asks for a name.
  out.bytes(field::graph::name, graph.name.empty() ? "graph" : graph.name);
  for (const Initializer& initializer : graph.initializers) {
    out.message(field::graph::initializer, write_initializer(initializer, graph, external));
  }
  out.text(field::graph::doc, graph.doc);
  for (const ValueId id : graph.inputs) {
    out.message(field::graph::input, write_value_info(graph.values[static_cast<size_t>(id)]));
  }
  for (const ValueId id : graph.outputs) {
    out.message(field::graph::output, write_value_info(graph.values[static_cast<size_t>(id)]));
  }
  write_inner_infos(out, field::graph::value_info, graph, false);
  for (const QuantizationAnnotation& annotation : graph.quantization) {
    WireWriter encoded;
    encoded.bytes(field::annotation::tensor_name, annotation.tensor_name);
    write_metadata(encoded, field::annotation::parameters, annotation.parameters);
    out.message(field::graph::quantization, std::move(encoded));
  }
  for (const SparseInitializer& sparse : graph.sparse_initializers) {
    out.message(field::graph::sparse_initializer, write_sparse_tensor(graph.name_of(sparse.value), sparse.tensor));
  }
  write_metadata(out, field::graph::metadata, graph.metadata);
  return out;
}

WireWriter write_function(const Function& function, ExternalPlan* external) {
  const Graph& body = function.body;
  WireWriter out;
  out.bytes(field::function::name, function.name);
  for (const ValueId id : body.inputs) out.bytes(field::function::input, body.name_of(id));
  for (const ValueId id : body.outputs) out.bytes(field::function::output, body.name_of(id));
  for (const std::string& attribute : function.attributes) out.bytes(field::function::attribute, attribute);
  for (const Node& node : body.nodes) out.message(field::function::node, write_node(node, body, external));
  out.text(field::function::doc, function.doc);
  write_opsets(out, field::function::opset_import, function.opset_imports);
  out.bytes(field::function::domain, function.domain);
  for (const Attribute& attribute : function.attribute_defaults) {
    out.message(field::function::attribute_proto, write_attribute(attribute, external));
  }
  write_inner_infos(out, field::function::value_info, body, true);
  out.text(field::function::overload, function.overload);
  write_metadata(out, field::function::metadata, function.metadata);
  return out;
}

void write_opsets(WireWriter& out, uint32_t field, const OpsetImports& imports) {
  for (const auto& [domain, version] : imports) {
    WireWriter opset;
    opset.bytes(field::opset::domain, domain);
    opset.int64(field::opset::version, version);
    out.message(field, std::move(opset));
  }
}

}  // namespace kiln::onnx
