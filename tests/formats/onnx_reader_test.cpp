#include "formats/onnx_messages.hpp"
#include "kiln/error.hpp"

namespace kiln::onnx_test {
namespace {

using Rules = std::vector<std::string>;

/// A TypeProto of a tensor with one dim, which `dim` fills.
std::string tensor_type(DType dtype, const Fill& dim) {
  return message([&](Writer& type) {
    type.add_message(field::type::tensor, message([&](Writer& of_tensor) {
                       of_tensor.add_int32(field::tensor_type::elem_type, static_cast<int32_t>(dtype));
                       of_tensor.add_message(field::tensor_type::shape, message([&](Writer& shape) {
                                               shape.add_message(field::shape::dim, message(dim));
                                             }));
                     }));
  });
}

std::string value_info(const std::string& name, const std::string& type) {
  return message([&](Writer& out) {
    out.add_string(field::value_info::name, name);
    out.add_message(field::value_info::type, type);
  });
}

std::string node(const std::string& op, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs,
                 const std::vector<std::string>& attributes = {}) {
  return message([&](Writer& out) {
    for (const std::string& name : inputs) out.add_string(field::node::input, name);
    for (const std::string& name : outputs) out.add_string(field::node::output, name);
    out.add_string(field::node::name, "n");
    out.add_string(field::node::op_type, op);
    for (const std::string& attribute : attributes) out.add_message(field::node::attribute, attribute);
  });
}

std::string attribute(const std::string& name, AttributeType type, const Fill& value) {
  return message([&](Writer& out) {
    out.add_string(field::attribute::name, name);
    value(out);
    if (type != AttributeType::undefined) out.add_enum(field::attribute::type, static_cast<int32_t>(type));
  });
}

std::string model_with_attribute(const std::string& encoded) {
  return model([&](Writer& graph) { graph.add_message(field::graph::node, node("Op", {}, {"y"}, {encoded})); });
}

TEST(OnnxReader, ReadsAGraph) {
  const ModelDef read_back = read(model([](Writer& graph) {
    graph.add_message(field::graph::node, node("Relu", {"x", ""}, {"y"}));
    graph.add_message(field::graph::input, value_info("x", tensor_type(DType::f32, [](Writer& dim) {
                                                        dim.add_string(field::dimension::param, "batch");
                                                      })));
    graph.add_message(
        field::graph::output,
        value_info("y", tensor_type(DType::f32, [](Writer& dim) { dim.add_int64(field::dimension::value, 7); })));
  }));
  const Graph& graph = read_back.graph;
  ASSERT_EQ(graph.nodes.size(), 1u);
  EXPECT_EQ(graph.name_of(graph.nodes[0].inputs.at(0)), "x");
  EXPECT_EQ(graph.nodes[0].inputs.at(1), no_value);
  ASSERT_EQ(graph.inputs.size(), 1u);
  EXPECT_EQ(graph.values[static_cast<size_t>(graph.inputs[0])].type.shape->at(0), Dim::symbol("batch"));
  EXPECT_EQ(graph.values[static_cast<size_t>(graph.outputs.at(0))].type.shape->at(0), Dim(7));
  EXPECT_EQ(read_back.opset_imports.at(""), 21);
  EXPECT_EQ(read_back.ir_version, 10);
}

TEST(OnnxReader, TakesANegativeDimForUnknown) {
  const std::string bytes = model([](Writer& graph) {
    graph.add_message(
        field::graph::input,
        value_info("x", tensor_type(DType::f32, [](Writer& dim) { dim.add_int64(field::dimension::value, -1); })));
  });
  EXPECT_EQ(rules(bytes), Rules{"negative-dim"});
  EXPECT_TRUE(read(bytes).graph.values.at(0).type.shape->at(0).is_unknown());
}

TEST(OnnxReader, ReadsAttributesOfEveryType) {
  const auto data = [](AttributeType type, const Fill& value) {
    return read(model_with_attribute(attribute("a", type, value))).graph.nodes.at(0).attributes.at(0).data;
  };
  EXPECT_EQ(std::get<float>(data(AttributeType::float_, [](Writer& out) { out.add_float(field::attribute::f, 2); })),
            2);
  EXPECT_EQ(std::get<int64_t>(data(AttributeType::int_, [](Writer&) {})), 0) << "zero may be left out";
  EXPECT_EQ(std::get<std::string>(
                data(AttributeType::string, [](Writer& out) { out.add_bytes(field::attribute::s, "\xff"); })),
            "\xff");
  EXPECT_EQ(std::get<std::vector<int64_t>>(data(AttributeType::ints,
                                                [](Writer& out) {
                                                  const std::vector<int64_t> packed{1, -2};
                                                  out.add_packed_int64(field::attribute::ints, packed.begin(),
                                                                       packed.end());
                                                  out.add_int64(field::attribute::ints, 3);
                                                })),
            (std::vector<int64_t>{1, -2, 3}));
  EXPECT_EQ(std::get<std::vector<float>>(data(AttributeType::floats, [](Writer&) {})).size(), 0u);
  EXPECT_EQ(std::get<std::vector<std::string>>(
                data(AttributeType::undefined, [](Writer& out) { out.add_bytes(field::attribute::strings, "s"); })),
            std::vector<std::string>{"s"});
  const auto graph = data(AttributeType::graph, [](Writer& out) {
    out.add_message(field::attribute::g, message([](Writer& inner) { inner.add_string(field::graph::name, "then"); }));
  });
  EXPECT_EQ(std::get<std::shared_ptr<Graph>>(graph)->name, "then");
  EXPECT_EQ(
      std::get<Tensor>(data(AttributeType::tensor,
                            [](Writer& out) { out.add_message(field::attribute::t, raw_tensor(DType::u8, {1}, "a")); }))
          .size(),
      1);
}

TEST(OnnxReader, RefusesAttributesThatContradictThemselves) {
  const auto refused = [](AttributeType type, const Fill& value) {
    return rules(model_with_attribute(attribute("a", type, value)));
  };
  const Fill one_int = [](Writer& out) { out.add_int64(field::attribute::i, 1); };
  EXPECT_EQ(refused(AttributeType::float_, one_int), Rules{"attribute-type"});
  EXPECT_EQ(refused(static_cast<AttributeType>(77), one_int), Rules{"attribute-type"});
  EXPECT_EQ(refused(AttributeType::graph, [](Writer&) {}), Rules{"attribute-value"});
  EXPECT_EQ(refused(AttributeType::undefined, [](Writer&) {}), Rules{"attribute-value"});
  EXPECT_EQ(refused(AttributeType::int_,
                    [&](Writer& out) {
                      one_int(out);
                      out.add_float(field::attribute::f, 1);
                    }),
            Rules{"attribute-value"});
  EXPECT_EQ(refused(AttributeType::int_,
                    [&](Writer& out) {
                      one_int(out);
                      out.add_string(field::attribute::ref_attr_name, "outer");
                    }),
            Rules{"attribute-value"});
  EXPECT_EQ(rules(model_with_attribute(attribute("", AttributeType::int_, one_int))), Rules{"missing-name"});
}

TEST(OnnxReader, ReadsFunctionsWithReferences) {
  const std::string function = message([](Writer& out) {
    out.add_string(field::function::name, "F");
    out.add_string(field::function::domain, "d");
    out.add_string(field::function::input, "x");
    out.add_string(field::function::output, "y");
    out.add_string(field::function::attribute, "alpha");
    out.add_message(field::function::node,
                    node("LeakyRelu", {"x"}, {"y"}, {attribute("alpha", AttributeType::float_, [](Writer& inner) {
                           inner.add_string(field::attribute::ref_attr_name, "alpha");
                         })}));
  });
  const std::string bytes =
      model([](Writer&) {}) + message([&](Writer& out) { out.add_message(field::model::functions, function); });
  const ModelDef read_back = read(bytes);
  const Function* found = read_back.find_function("d", "F", "");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->attributes, std::vector<std::string>{"alpha"});
  EXPECT_EQ(found->body.nodes.at(0).attributes.at(0).ref_name, "alpha");
  EXPECT_EQ(found->body.inputs.size(), 1u);
}

TEST(OnnxReader, NamesThePlaceOfAFault) {
  Diagnostics diagnostics(Diagnostics::Mode::collect);
  read(model_with_attribute(
           attribute("value", AttributeType::tensor,
                     [](Writer& out) { out.add_message(field::attribute::t, tensor(DType::f32, {3})); })),
       &diagnostics);
  ASSERT_EQ(diagnostics.findings().size(), 1u);
  EXPECT_EQ(diagnostics.findings()[0].place, "graph 'g', node 'n' (Op), attribute 'value', tensor 'w'");
}

TEST(OnnxReader, ThrowsTheFirstFaultByDefault) {
  try {
    read(model_with_initializer(tensor(DType::f32, {3})));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_model);
    EXPECT_NE(std::string(error.what()).find("tensor 'w'"), std::string::npos) << error.what();
  }
}

TEST(OnnxReader, GoesOnAfterAMalformedMessage) {
  const std::string bytes = model([](Writer& graph) {
    graph.add_message(field::graph::node, std::string("\x0a\x7f", 2));  // claims 127 bytes
    graph.add_message(field::graph::node, std::string("\x08\x01", 2));  // a number where a name is expected
    graph.add_message(field::graph::node, node("Relu", {"x"}, {"y"}));
    graph.add_message(field::graph::node, std::string("\x07", 1));  // no such wire type
  });
  EXPECT_EQ(rules(bytes), (Rules{"malformed-protobuf", "malformed-protobuf", "malformed-protobuf"}));
  Diagnostics diagnostics(Diagnostics::Mode::collect);
  EXPECT_EQ(read(bytes, &diagnostics).graph.nodes.size(), 1u);
}

TEST(OnnxReader, RefusesWhatIsNoModel) {
  EXPECT_EQ(rules(""), Rules{"missing-graph"});
  EXPECT_EQ(rules("This is a text, and no model."), Rules{"malformed-protobuf"});
  EXPECT_EQ(rules(std::string(100, '\xff')), Rules{"malformed-protobuf"});
  EXPECT_EQ(rules(std::string(100, '\0')), Rules{"malformed-protobuf"});
}

TEST(OnnxReader, EveryCutOfAModelIsAnErrorOrAModel) {
  const std::string bytes = model([](Writer& graph) {
    graph.add_message(
        field::graph::node,
        node("Op", {"x"}, {"y"},
             {attribute("a", AttributeType::ints, [](Writer& out) { out.add_int64(field::attribute::ints, 300); })}));
    graph.add_message(field::graph::initializer, raw_tensor(DType::f32, {20}, std::string(80, 'f')));
  });
  for (size_t length = 0; length < bytes.size(); ++length) {
    Diagnostics diagnostics(Diagnostics::Mode::collect);
    read(bytes.substr(0, length), &diagnostics);
    std::string changed = bytes;
    changed[length] = static_cast<char>(changed[length] ^ 0x55);
    read(changed, &diagnostics);
  }
}

std::string nested_graphs(int depth) {
  std::string graph;
  for (int i = 0; i < depth; ++i) {
    graph = message([&](Writer& out) {
      out.add_string(field::graph::name, "g");
      if (i == 0) return;
      out.add_message(field::graph::node, node("If", {}, {}, {attribute("b", AttributeType::graph, [&](Writer& inner) {
                                                 inner.add_message(field::attribute::g, graph);
                                               })}));
    });
  }
  return message([&](Writer& out) { out.add_message(field::model::graph, graph); });
}

TEST(OnnxReader, LimitsNesting) {
  EXPECT_EQ(rules(nested_graphs(64)), Rules{});
  EXPECT_EQ(rules(nested_graphs(65)), Rules{"too-deep"});
  EXPECT_EQ(rules(nested_graphs(3000)), Rules{"too-deep"});
  std::string type = tensor_type(DType::f32, [](Writer&) {});
  for (int i = 0; i < 5000; ++i) {
    type = message([&](Writer& out) {
      out.add_message(field::type::sequence,
                      message([&](Writer& inner) { inner.add_message(field::sequence_type::elem_type, type); }));
    });
  }
  EXPECT_EQ(rules(model([&](Writer& graph) { graph.add_message(field::graph::input, value_info("x", type)); })),
            Rules{"too-deep"});
}

TEST(OnnxReader, LimitsNodesStringsAndMemory) {
  ReadOptions options;
  options.limits.nodes = 2;
  options.limits.string_bytes = 10;
  options.limits.unpacked_bytes = 100;
  const std::string four_nodes = model([](Writer& graph) {
    for (int i = 0; i < 4; ++i) graph.add_message(field::graph::node, node("Op", {}, {}));
  });
  EXPECT_EQ(rules(four_nodes, options), Rules{"too-many-nodes"});
  EXPECT_EQ(rules(model([](Writer& graph) { graph.add_string(field::graph::doc, std::string(11, 'x')); }), options),
            Rules{"string-too-long"});
  EXPECT_EQ(rules(model_with_initializer(raw_tensor(DType::u4, {101}, std::string(51, 'x'))), options),
            Rules{"too-much-memory"});
}

TEST(OnnxReader, ReportsNamesThatAreNoUtf8) {
  EXPECT_EQ(rules(model([](Writer& graph) { graph.add_message(field::graph::node, node("Op", {"\xc0\x80"}, {})); })),
            Rules{"invalid-utf8"});
  EXPECT_EQ(rules(model([](Writer& graph) {
              graph.add_message(field::graph::node, node("Op",
                                                         {"gr\xC3\xB6\xC3\x9F"
                                                          "e \xE2\x82\xAC"},
                                                         {}));
            })),
            Rules{});
}

TEST(OnnxReader, GivesUpAfterAThousandFaults) {
  const std::string bytes = model([](Writer& graph) {
    for (int i = 0; i < 5000; ++i) graph.add_message(field::graph::node, std::string());
  });
  EXPECT_EQ(rules(bytes).size(), 1001u);
  EXPECT_EQ(rules(bytes).back(), "too-many-faults");
}

std::string sparse(const std::vector<int64_t>& indices, const Shape& index_shape) {
  return model([&](Writer& graph) {
    graph.add_message(field::graph::sparse_initializer, message([&](Writer& out) {
                        out.add_message(field::sparse::values, raw_tensor(DType::u8, {2}, "ab"));
                        out.add_message(field::sparse::indices, raw_tensor(DType::i64, index_shape, raw_of(indices)));
                        out.add_int64(field::sparse::dims, 3);
                        out.add_int64(field::sparse::dims, 4);
                      }));
  });
}

TEST(OnnxReader, ChecksSparseTensors) {
  EXPECT_EQ(rules(sparse({1, 11}, {2})), Rules{});
  EXPECT_EQ(rules(sparse({0, 1, 2, 3}, {2, 2})), Rules{});
  EXPECT_EQ(rules(sparse({1, 12}, {2})), Rules{"sparse-tensor"});
  EXPECT_EQ(rules(sparse({-1, 1}, {2})), Rules{"sparse-tensor"});
  EXPECT_EQ(rules(sparse({1, 1}, {2})), Rules{"sparse-tensor"});
  EXPECT_EQ(rules(sparse({0, 4, 2, 3}, {2, 2})), Rules{"sparse-tensor"});
  EXPECT_EQ(rules(sparse({1, 2, 3}, {3})), Rules{"sparse-tensor"});
}

TEST(OnnxReader, ReportsAFileThatIsNotThere) { EXPECT_THROW(read_onnx_file("/nonexistent/model.onnx"), Error); }

}  // namespace
}  // namespace kiln::onnx_test
