#include <filesystem>

#include "formats/onnx/tensor_proto.hpp"
#include "formats/onnx/writer.hpp"
#include "formats/onnx_messages.hpp"
#include "kiln/error.hpp"

namespace kiln::onnx_test {
namespace {

ModelDef sample() {
  ModelDef model;
  model.ir_version = 10;
  model.opset_imports = {{"", 21}, {"ai.onnx.ml", 4}};
  model.metadata = {{"author", "me"}};
  Graph& graph = model.graph;
  graph.name = "g";
  graph.inputs = {graph.add_value("x", Type::tensor(DType::f32, SymShape{Dim::symbol("n"), Dim(), Dim(3)}))};
  graph.outputs = {graph.add_value("y", Type::optional(Type::sequence(Type::tensor(DType::i64))))};
  Node node{.name = "n", .op_type = "Op", .inputs = {0, no_value}, .outputs = {1}};
  auto then = std::make_shared<Graph>();
  then->name = "then";
  node.attributes.push_back({"branch", AttributeType::graph, then, {}, {}});
  node.attributes.push_back({"axes", AttributeType::ints, std::vector<int64_t>{-1, 2}, {}, {}});
  node.attributes.push_back({"types",
                             AttributeType::type_protos,
                             std::vector<Type>{Type::map(DType::i64, {}), Type::map(DType::undefined, {})},
                             {},
                             {}});
  node.device_configurations = {"\x0a\x01z"};
  graph.nodes.push_back(std::move(node));
  Tensor large(DType::f32, {3000}), narrow(DType::i4, {3});
  for (float& value : large.mutable_elements<float>()) value = 2.5f;
  static_cast<uint8_t*>(narrow.mutable_raw())[1] = 0xf8;
  graph.initializers.push_back({graph.add_value("large"), large, {}, {}, {}});
  graph.initializers.push_back({graph.add_value("narrow"), narrow, {}, {}, {}});
  graph.initializers.push_back({graph.add_value("text"), Tensor::vector<std::string>({"a", ""}), {}, {}, {}});
  return model;
}

void expect_same(const ModelDef& a, const ModelDef& b) {
  EXPECT_EQ(write_onnx(a), write_onnx(b));
  ASSERT_EQ(a.graph.initializers.size(), b.graph.initializers.size());
  for (size_t i = 0; i < a.graph.initializers.size(); ++i) {
    EXPECT_TRUE(equal_bits(a.graph.initializers[i].tensor, b.graph.initializers[i].tensor)) << i;
  }
}

TEST(OnnxWriter, ReadsBackWhatItWrote) {
  const ModelDef model = sample(), again = read(write_onnx(model));
  expect_same(model, again);
  EXPECT_EQ(again.metadata, model.metadata);
  EXPECT_EQ(again.opset_imports, model.opset_imports);
  const auto& node = again.graph.nodes.at(0);
  EXPECT_EQ(node.inputs.at(1), no_value);
  EXPECT_EQ(std::get<std::shared_ptr<Graph>>(node.attributes.at(0).data)->name, "then");
  EXPECT_EQ(std::get<std::vector<int64_t>>(node.attributes.at(1).data), (std::vector<int64_t>{-1, 2}));
  const Type& type = again.graph.values[static_cast<size_t>(again.graph.inputs.at(0))].type;
  EXPECT_EQ(to_string(*type.shape), "[n,?,3]");
}

TEST(OnnxWriter, RefusesAnAttributeWhoseValueIsOfAnotherType) {
  ModelDef model = sample();
  model.graph.nodes[0].attributes.push_back({"bad", AttributeType::int_, 1.0f, {}, {}});
  EXPECT_THROW(write_onnx(model), Error);
}

class OnnxFiles : public testing::Test {
 protected:
  OnnxFiles() {
    std::string pattern = (std::filesystem::temp_directory_path() / "onnx_writer_XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~OnnxFiles() override { std::filesystem::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::filesystem::path folder_;
};

TEST_F(OnnxFiles, KeepsLargeInitializersBesideTheModel) {
  const ModelDef model = sample();
  write_onnx_file(model, path("m.onnx"), {.external_data_threshold = 1000});
  EXPECT_EQ(std::filesystem::file_size(path("m.onnx.data")), 12000u);
  EXPECT_LT(std::filesystem::file_size(path("m.onnx")), 1000u);
  const ModelDef again = read_onnx_file(path("m.onnx"));
  expect_same(model, again);
  write_onnx_file(again, path("m.onnx"), {.external_data_threshold = 1});  // over the files that it is mapped from
  expect_same(model, read_onnx_file(path("m.onnx")));
  write_onnx_file(model, path("whole.onnx"));
  EXPECT_FALSE(std::filesystem::exists(path("whole.onnx.data")));
  expect_same(model, read_onnx_file(path("whole.onnx")));
}

TEST_F(OnnxFiles, RefusesExternalDataThatIsShortOrLinked) {
  write_onnx_file(sample(), path("m.onnx"), {.external_data_threshold = 1000});
  std::filesystem::resize_file(path("m.onnx.data"), 11999);
  EXPECT_THROW(read_onnx_file(path("m.onnx")), Error);
  std::filesystem::resize_file(path("m.onnx.data"), 12000);
  std::filesystem::rename(path("m.onnx.data"), path("elsewhere"));
  EXPECT_THROW(read_onnx_file(path("m.onnx")), Error);
  std::filesystem::create_symlink(path("elsewhere"), path("m.onnx.data"));
  EXPECT_THROW(read_onnx_file(path("m.onnx")), Error);
}

TEST(OnnxValues, ReadBackWhatWasWritten) {
  const Tensor tensor = Tensor::vector<int64_t>({1, 2, 3});
  const auto cycle = [](const Value& value, const Type& type) {
    const std::string bytes = write_value_proto(value, "v", type);
    const NamedValue read_back = read_value_proto(std::as_bytes(std::span(bytes)), nullptr, type);
    EXPECT_EQ(read_back.name, "v");
    return read_back.value;
  };
  const Type tensor_type = Type::tensor(DType::i64);
  EXPECT_TRUE(equal_bits(cycle(tensor, tensor_type).tensor(), tensor));
  const Value sequence = cycle(Sequence{{tensor, Tensor::scalar<int64_t>(5)}, DType::i64}, Type::sequence(tensor_type));
  EXPECT_TRUE(equal_bits(sequence.sequence().items.at(0).tensor(), tensor));
  EXPECT_EQ(cycle(Sequence{{}, DType::i64}, Type::sequence(tensor_type)).sequence().dtype, DType::i64);
  EXPECT_TRUE(cycle(Value(), Type::optional(tensor_type)).is_none());
  EXPECT_TRUE(equal_bits(cycle(tensor, Type::optional(tensor_type)).tensor(), tensor));
  const Map map{Tensor::vector<std::string>({"a", "b"}), Tensor::vector<float>({1, 2})};
  const Value map_back = cycle(map, Type::map(DType::string, Type::tensor(DType::f32)));
  EXPECT_TRUE(equal_bits(map_back.map().keys, map.keys));
  EXPECT_TRUE(equal_bits(map_back.map().values, map.values));
}

TEST(OnnxValues, RefuseDamagedBytes) {
  const std::string bytes = write_value_proto(Tensor::vector<int64_t>({1, 2, 3}));
  for (size_t length = 0; length < bytes.size(); ++length) {
    try {
      read_value_proto(std::as_bytes(std::span(bytes).first(length)), nullptr);
      FAIL() << length;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_data);
    }
  }
  EXPECT_THROW(read_value_proto_file("/nonexistent/input_0.pb"), Error);
}

}  // namespace
}  // namespace kiln::onnx_test
