#include "formats/onnx/graph_reader.hpp"

#include <fmt/format.h>

#include "formats/onnx/attribute_reader.hpp"
#include "formats/onnx/fields.hpp"
#include "formats/onnx/tensor_reader.hpp"
#include "formats/onnx/type_reader.hpp"

namespace kiln::onnx {
namespace {

std::string read_domain(ReadContext& context, WireReader& in) {
  return std::string(canonical_domain(context.text(in, "a domain")));
}

void read_node(ReadContext& context, std::string_view message, Graph& graph) {
  if (!context.count_node()) return;
  Node node;
  const bool whole = context.message(
      Part::node, message,
      [&](std::string_view bytes) {
        for (WireReader in(bytes); in.next();) {
          switch (in.field()) {
            case field::node::input:
              node.inputs.push_back(graph.value_named(context.text(in, "the name of an input")));
              break;
            case field::node::output:
              node.outputs.push_back(graph.value_named(context.text(in, "the name of an output")));
              break;
            case field::node::name: node.name = context.text(in, "the name of a node"); break;
            case field::node::op_type: node.op_type = context.text(in, "the name of an operator"); break;
            case field::node::attribute: node.attributes.push_back(read_attribute(context, in.bytes())); break;
            case field::node::doc: node.doc = context.text(in, "the text about a node"); break;
            case field::node::domain: node.domain = read_domain(context, in); break;
            case field::node::overload: node.overload = context.text(in, "an overload"); break;
            case field::node::metadata: node.metadata.push_back(context.entry(in)); break;
            case field::node::device_configurations: node.device_configurations.emplace_back(in.bytes()); break;
            default: in.skip();
          }
        }
        if (node.op_type.empty()) context.error("missing-operator", "a node names no operator");
      },
      graph.nodes.size());
  if (whole) graph.nodes.push_back(std::move(node));
}

/// A value that is described twice must be of one type.
void hold_against(ReadContext& context, const ValueInfo& value, const Type& second) {
  try {
    unify(value.type, second);
  } catch (const Error& contradiction) {
    context.error("value-type", fmt::format("value '{}' is described twice: {}", value.name, contradiction.what()));
  }
}

/// A ValueInfoProto; gives the value that it is about, or no_value where it has no name.
ValueId read_value_info(ReadContext& context, std::string_view message, Graph& graph) {
  ValueId id = no_value;
  context.message(Part::value, message, [&](std::string_view bytes) {
    ValueInfo info;
    for (WireReader in(bytes); in.next();) {
      switch (in.field()) {
        case field::value_info::name: info.name = context.text(in, "the name of a value"); break;
        case field::value_info::type:
          context.message(Part::type, in.bytes(), [&](std::string_view type) { info.type = read_type(context, type); });
          info.has_info = true;
          break;
        case field::value_info::doc: info.doc = context.text(in, "the text about a value"); break;
        case field::value_info::metadata: info.metadata.push_back(context.entry(in)); break;
        default: in.skip();
      }
    }
    if (info.name.empty()) {
      context.error("missing-name", "a value has no name");
      return;
    }
    id = graph.value_named(info.name);
    // What passes straight from the inputs to the outputs is described twice: the first description stays.
    ValueInfo& value = graph.values[static_cast<size_t>(id)];
    if (!value.has_info) {
      value = std::move(info);
    } else {
      if (info.has_info) hold_against(context, value, info.type);
      if (value.doc.empty()) value.doc = std::move(info.doc);
      if (value.metadata.empty()) value.metadata = std::move(info.metadata);
    }
  });
  return id;
}

void read_initializer(ReadContext& context, std::string_view message, Graph& graph) {
  NamedTensor read = read_tensor(context, message);
  if (read.name.empty()) context.error("missing-name", "an initialiser has no name");
  graph.initializers.push_back({graph.value_named(read.name), std::move(read.tensor), std::move(read.doc),
                                std::move(read.metadata), std::move(read.external)});
}

void read_sparse_initializer(ReadContext& context, std::string_view message, Graph& graph) {
  NamedSparseTensor read = read_sparse_tensor(context, message);
  if (read.name.empty()) context.error("missing-name", "a sparse initialiser has no name");
  graph.sparse_initializers.push_back({graph.value_named(read.name), std::move(read.tensor)});
}

QuantizationAnnotation read_annotation(ReadContext& context, std::string_view message) {
  QuantizationAnnotation annotation;
  context.message(Part::plain, message, [&](std::string_view bytes) {
    for (WireReader in(bytes); in.next();) {
      switch (in.field()) {
        case field::annotation::tensor_name:
          annotation.tensor_name = context.text(in, "the name of an annotated tensor");
          break;
        case field::annotation::parameters: annotation.parameters.push_back(context.entry(in)); break;
        default: in.skip();
      }
    }
  });
  return annotation;
}

void add_known(std::vector<ValueId>& ids, ValueId id) {
  if (id != no_value) ids.push_back(id);
}

}  // namespace

void read_graph(ReadContext& context, std::string_view message, Graph& graph) {
  context.message(Part::graph, message, [&](std::string_view bytes) {
    const ReadContext::Level level(context);
    if (!level) return;
    for (WireReader in(bytes); in.next();) {
      switch (in.field()) {
        case field::graph::node: read_node(context, in.bytes(), graph); break;
        case field::graph::name: graph.name = context.text(in, "the name of a graph"); break;
        case field::graph::initializer: read_initializer(context, in.bytes(), graph); break;
        case field::graph::doc: graph.doc = context.text(in, "the text about a graph"); break;
        case field::graph::input: add_known(graph.inputs, read_value_info(context, in.bytes(), graph)); break;
        case field::graph::output: add_known(graph.outputs, read_value_info(context, in.bytes(), graph)); break;
        case field::graph::value_info: read_value_info(context, in.bytes(), graph); break;
        case field::graph::quantization: graph.quantization.push_back(read_annotation(context, in.bytes())); break;
        case field::graph::sparse_initializer: read_sparse_initializer(context, in.bytes(), graph); break;
        case field::graph::metadata: graph.metadata.push_back(context.entry(in)); break;
        default: in.skip();
      }
    }
  });
}

Function read_function(ReadContext& context, std::string_view message) {
  Function function;
  context.message(Part::function, message, [&](std::string_view bytes) {
    Graph& body = function.body;
    bool has_domain = false;
    for (WireReader in(bytes); in.next();) {
      switch (in.field()) {
        case field::function::name: function.name = context.text(in, "the name of a function"); break;
        case field::function::input:
          add_known(body.inputs, body.value_named(context.text(in, "the name of an input")));
          break;
        case field::function::output:
          add_known(body.outputs, body.value_named(context.text(in, "the name of an output")));
          break;
        case field::function::attribute:
          function.attributes.push_back(context.text(in, "the name of an attribute"));
          break;
        case field::function::node: read_node(context, in.bytes(), body); break;
        case field::function::doc: function.doc = context.text(in, "the text about a function"); break;
        case field::function::opset_import: read_opset(context, in.bytes(), function.opset_imports); break;
        case field::function::domain:
          function.domain = read_domain(context, in);
          has_domain = true;
          break;
        case field::function::attribute_proto:
          function.attribute_defaults.push_back(read_attribute(context, in.bytes()));
          break;
        case field::function::value_info: read_value_info(context, in.bytes(), body); break;
        case field::function::overload: function.overload = context.text(in, "an overload"); break;
        case field::function::metadata: function.metadata.push_back(context.entry(in)); break;
        default: in.skip();
      }
    }
    body.name = function.name;
    if (context.strict() && !has_domain) context.error("missing-domain", "a function does not say its domain");
    if (function.name.empty()) context.error("missing-name", "a function has no name");
  });
  return function;
}

void read_opset(ReadContext& context, std::string_view message, OpsetImports& imports) {
  context.message(Part::plain, message, [&](std::string_view bytes) {
    std::string domain;
    int64_t version = 0;
    for (WireReader in(bytes); in.next();) {
      switch (in.field()) {
        case field::opset::domain: domain = read_domain(context, in); break;
        case field::opset::version: version = in.int64(); break;
        default: in.skip();
      }
    }
    const auto [position, added] = imports.try_emplace(domain, version);
    if (!added && position->second != version) {
      context.error("duplicate-opset",
                    fmt::format("the operators of domain '{}' are imported in the versions {} and {}", domain,
                                position->second, version));
    }
  });
}

}  // namespace kiln::onnx
