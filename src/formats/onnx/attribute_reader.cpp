#include "formats/onnx/attribute_reader.hpp"

#include <fmt/format.h>

#include "formats/onnx/fields.hpp"
#include "formats/onnx/graph_reader.hpp"
#include "formats/onnx/tensor_reader.hpp"
#include "formats/onnx/type_reader.hpp"

namespace kiln::onnx {
namespace {

/// The type whose value stands in this field, or undefined for a field that holds no value.
AttributeType type_of_field(uint32_t number) {
  switch (number) {
    case field::attribute::f: return AttributeType::float_;
    case field::attribute::i: return AttributeType::int_;
    case field::attribute::s: return AttributeType::string;
    case field::attribute::t: return AttributeType::tensor;
    case field::attribute::g: return AttributeType::graph;
    case field::attribute::floats: return AttributeType::floats;
    case field::attribute::ints: return AttributeType::ints;
    case field::attribute::strings: return AttributeType::strings;
    case field::attribute::tensors: return AttributeType::tensors;
    case field::attribute::graphs: return AttributeType::graphs;
    case field::attribute::sparse_tensor: return AttributeType::sparse_tensor;
    case field::attribute::sparse_tensors: return AttributeType::sparse_tensors;
    case field::attribute::tp: return AttributeType::type_proto;
    case field::attribute::type_protos: return AttributeType::type_protos;
    default: return AttributeType::undefined;
  }
}

/// The value of an attribute whose field is absent: the empty list, or zero, which some writers leave out.
Attribute::Data default_data(AttributeType type) {
  switch (type) {
    case AttributeType::float_: return 0.0f;
    case AttributeType::int_: return int64_t{0};
    case AttributeType::string: return std::string();
    case AttributeType::floats: return std::vector<float>();
    case AttributeType::ints: return std::vector<int64_t>();
    case AttributeType::strings: return std::vector<std::string>();
    case AttributeType::tensors: return std::vector<Tensor>();
    case AttributeType::graphs: return std::vector<std::shared_ptr<Graph>>();
    case AttributeType::sparse_tensors: return std::vector<SparseTensor>();
    case AttributeType::type_protos: return std::vector<Type>();
    default: return std::monostate();
  }
}

template <class T>
std::vector<T>& list(Attribute::Data& data) {
  if (!std::holds_alternative<std::vector<T>>(data)) data = std::vector<T>();
  return std::get<std::vector<T>>(data);
}

std::shared_ptr<Graph> read_subgraph(ReadContext& context, std::string_view message) {
  auto graph = std::make_shared<Graph>();
  read_graph(context, message, *graph);
  return graph;
}

void read_value(ReadContext& context, WireReader& in, Attribute::Data& data) {
  switch (in.field()) {
    case field::attribute::f: data = in.float32(); break;
    case field::attribute::i: data = in.int64(); break;
    case field::attribute::s: data = context.bytes(in.bytes(), "the value"); break;
    case field::attribute::t: data = read_tensor(context, in.bytes()).tensor; break;
    case field::attribute::g: data = read_subgraph(context, in.bytes()); break;
    case field::attribute::sparse_tensor: data = read_sparse_tensor(context, in.bytes()).tensor; break;
    case field::attribute::tp: data = read_type(context, in.bytes()); break;
    case field::attribute::floats: in.fixed<float>([&](float value) { list<float>(data).push_back(value); }); break;
    case field::attribute::ints:
      in.varints([&](uint64_t value) { list<int64_t>(data).push_back(static_cast<int64_t>(value)); });
      break;
    case field::attribute::strings: list<std::string>(data).push_back(context.bytes(in.bytes(), "a value")); break;
    case field::attribute::tensors: list<Tensor>(data).push_back(read_tensor(context, in.bytes()).tensor); break;
    case field::attribute::graphs: {
      auto graph = read_subgraph(context, in.bytes());
      list<std::shared_ptr<Graph>>(data).push_back(std::move(graph));
      break;
    }
    case field::attribute::sparse_tensors:
      list<SparseTensor>(data).push_back(read_sparse_tensor(context, in.bytes()).tensor);
      break;
    case field::attribute::type_protos: list<Type>(data).push_back(read_type(context, in.bytes())); break;
    default: in.skip();
  }
}

/// The declared type, the type of the field that is filled and the reference must agree.
void settle_type(ReadContext& context, Attribute& attribute, int32_t declared, AttributeType found) {
  if (declared < 0 || declared > static_cast<int32_t>(AttributeType::type_protos)) {
    context.error("attribute-type", fmt::format("attribute type {} does not exist", declared));
    declared = 0;
  }
  attribute.type = static_cast<AttributeType>(declared);
  if (context.strict() && declared == 0 && found != AttributeType::undefined) {
    context.error("attribute-type",
                  fmt::format("it does not say its type; its value is of type {}", attribute_type_name(found)));
  }
  if (!attribute.ref_name.empty()) {
    if (found != AttributeType::undefined) {
      context.error("attribute-value",
                    fmt::format("it has a value and also refers to the attribute '{}'", attribute.ref_name));
    }
    attribute.data = std::monostate();
    return;
  }
  if (attribute.type == AttributeType::undefined) attribute.type = found;
  if (attribute.type == AttributeType::undefined) {
    context.error("attribute-value", "it has neither a type nor a value");
    return;
  }
  if (found == AttributeType::undefined) {
    attribute.data = default_data(attribute.type);
    if (std::holds_alternative<std::monostate>(attribute.data)) {
      context.error("attribute-value",
                    fmt::format("it says that it is a {} and has none", attribute_type_name(attribute.type)));
    }
  } else if (found != attribute.type) {
    context.error("attribute-type", fmt::format("it says that it is of type {} and holds {}",
                                                attribute_type_name(attribute.type), attribute_type_name(found)));
    attribute.type = found;
  }
}

}  // namespace

Attribute read_attribute(ReadContext& context, std::string_view message) {
  Attribute attribute;
  context.message(Part::attribute, message, [&](std::string_view bytes) {
    int32_t declared = 0;
    AttributeType found = AttributeType::undefined;
    for (WireReader in(bytes); in.next();) {
      switch (in.field()) {
        case field::attribute::name: attribute.name = context.text(in, "the name of an attribute"); continue;
        case field::attribute::doc: attribute.doc = context.text(in, "the text about an attribute"); continue;
        case field::attribute::type: declared = in.int32(); continue;
        case field::attribute::ref_attr_name:
          attribute.ref_name = context.text(in, "the name of the attribute referred to");
          continue;
        default: break;
      }
      const AttributeType type = type_of_field(in.field());
      if (type != AttributeType::undefined && found != AttributeType::undefined && type != found) {
        context.error("attribute-value", fmt::format("it has more than one value: {} and {}",
                                                     attribute_type_name(found), attribute_type_name(type)));
        in.skip();
        continue;
      }
      if (type != AttributeType::undefined) found = type;
      read_value(context, in, attribute.data);
    }
    if (attribute.name.empty()) context.error("missing-name", "an attribute has no name");
    settle_type(context, attribute, declared, found);
  });
  return attribute;
}

}  // namespace kiln::onnx
