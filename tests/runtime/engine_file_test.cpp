#include "runtime/engine_file.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "base/cpu.hpp"
#include "base/scratch_folder.hpp"
#include "builder/build.hpp"
#include "formats/onnx/writer.hpp"
#include "runtime/engine_bytes.hpp"
#include "runtime/graph_maker.hpp"

namespace kiln::test {
namespace {

Tensor ramp(const Shape& shape) {
  Tensor tensor(DType::f32, shape);
  int i = 0;
  for (float& element : tensor.mutable_elements<float>()) element = static_cast<float>(i++ % 17) * 0.125F - 1;
  return tensor;
}

/// y = relu(conv(x, w) + b), in channels that fit the blocks of all instruction sets.
ModelDef conv_model(int64_t channels = 32) {
  Graph graph;
  graph.name = "convolution";
  add_input(graph, "x", Type::tensor(DType::f32, SymShape{1, channels, 12, 12}));
  add_constant(graph, "w", ramp({channels, channels, 3, 3}));
  add_constant(graph, "b", ramp({channels}));
  add_node(graph, "Conv", {"x", "w", "b"}, {"sum"},
           {attribute("pads", AttributeType::ints, std::vector<int64_t>{1, 1, 1, 1})});
  add_node(graph, "Relu", {"sum"}, {"y"});
  add_output(graph, "y");
  return model_of(std::move(graph));
}

std::shared_ptr<const EngineDef> built(ModelDef model) {
  return EngineDef::create(std::move(model),
                           [](const EngineDef& engine) { return build_machine(engine, {.tune = Tune::off}); });
}

/// Something of everything that a model may hold.
ModelDef rich_model() {
  Graph branch;
  branch.name = "branch";
  add_node(branch, "Add", {"x", "w"}, {"inner"});
  add_output(branch, "inner");

  Graph graph;
  graph.name = "rich";
  graph.doc = "a bit of everything";
  const Dim batch = Dim::symbol("batch");
  add_input(graph, "x", Type::tensor(DType::f32, SymShape{batch, 3}));
  add_input(graph, "maybe", Type::optional(Type::sequence(Type::tensor(DType::i64, SymShape{2 * batch + 1, {}, 4}))));
  add_input(graph, "map", Type::map(DType::string, Type::tensor(DType::f64)));
  add_constant(graph, "w", ramp({1, 3}));
  add_constant(graph, "large", ramp({40, 50}));
  add_constant(graph, "texts", Tensor::vector<std::string>({"a", "", std::string(3000, 'x')}));
  add_constant(graph, "bools", Tensor::from<bool>({2}, std::array<bool, 2>{true, false}));
  add_constant(graph, "empty", Tensor(DType::f32, {0, 7}));
  graph.initializers.front().doc = "weights";
  graph.initializers.front().external = {{"location", "w.bin"}};
  const SparseTensor sparse{Tensor::vector<float>({1, 2}), Tensor::vector<int64_t>({0, 3}), {2, 3}};
  graph.sparse_initializers.push_back({graph.value_named("sparse"), sparse});
  graph.quantization.push_back({"w", {{"SCALE_TENSOR", "s"}}});
  graph.metadata = {{"k", "v"}};
  graph.values[0].type.denotation = "IMAGE";
  graph.values[0].type.dim_denotations = {"DATA_BATCH", ""};
  graph.values[0].doc = "the input";

  add_node(graph, "If", {"bools"}, {"z"}, {attribute("then_branch", branch), attribute("else_branch", branch)});
  Node& node = add_node(graph, "Everything", {"x", "", "w"}, {"y", ""}, {}, "local");
  node.name = "everything";
  node.doc = "of all kinds";
  node.metadata = {{"a", "b"}};
  node.device_configurations = {std::string("\0\1", 2)};
  node.attributes = {
      attribute("f", AttributeType::float_, 1.5F),
      attribute("i", -3),
      attribute("s", AttributeType::string, std::string("text")),
      attribute("t", AttributeType::tensor, ramp({30, 30})),
      attribute("fs", AttributeType::floats, std::vector<float>{1, 2}),
      attribute("is", AttributeType::ints, std::vector<int64_t>{INT64_MIN, INT64_MAX, 0}),
      attribute("ss", AttributeType::strings, std::vector<std::string>{"a", "b"}),
      attribute("ts", AttributeType::tensors, std::vector<Tensor>{ramp({2}), ramp({3})}),
      attribute("gs", AttributeType::graphs, std::vector<std::shared_ptr<Graph>>{std::make_shared<Graph>(branch)}),
      attribute("sp", AttributeType::sparse_tensor, sparse),
      attribute("sps", AttributeType::sparse_tensors, std::vector<SparseTensor>{sparse}),
      attribute("ty", AttributeType::type_proto, Type::tensor(DType::f16, SymShape{batch})),
      attribute("tys", AttributeType::type_protos, std::vector<Type>{Type::tensor(DType::i8)}),
  };
  node.attributes.emplace_back().name = "from_outside";
  node.attributes.back().type = AttributeType::int_;
  node.attributes.back().ref_name = "outer";
  add_output(graph, "y");

  ModelDef model = model_of(std::move(graph));
  model.producer_name = "tests";
  model.model_version = -7;
  model.metadata = {{"author", "nobody"}};
  model.configurations = {"configuration"};
  Function function;
  function.domain = "local", function.name = "twice", function.overload = "o";
  function.attributes = {"outer"};
  function.attribute_defaults = {attribute("d", 2)};
  function.opset_imports = {{"", 21}};
  add_input(function.body, "a");
  add_node(function.body, "Add", {"a", "a"}, {"b"});
  add_output(function.body, "b");
  model.functions.push_back(std::move(function));
  model.training_info.emplace_back().initialization_binding = {{"x", "y"}};
  return model;
}

struct Encoded {
  ByteWriter graph;
  std::string weights;
};
Encoded encode(const ModelDef& model) {
  Encoded encoded;
  write_model(encoded.graph, model, [&](std::span<const std::byte> bytes) {
    const uint64_t at = encoded.weights.size();
    encoded.weights.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    encoded.weights.resize((encoded.weights.size() + weight_alignment - 1) / weight_alignment * weight_alignment);
    return at;
  });
  return encoded;
}
ModelDef decode(const Encoded& encoded) {
  ByteReader reader(encoded.graph.data(), "section 'graph'");
  return read_model(reader, {std::as_bytes(std::span(encoded.weights)), nullptr});
}

std::vector<Value> run_engine(const std::shared_ptr<const EngineDef>& engine, const Tensor& input) {
  const std::vector<Feed> feeds = {{engine->inputs()[0].name, input}};
  const std::vector<size_t> outputs = {0};
  return Context(engine).run(feeds, outputs);
}

uint64_t offset_of(const EngineFile& file, EngineSection::Kind kind) {
  for (const EngineSection& section : file.sections()) {
    if (section.kind == kind) return section.offset;
  }
  return 0;
}

TEST(GraphCodec, GivesBackAllOfAModel) {
  const ModelDef model = rich_model();
  const Encoded encoded = encode(model);
  const ModelDef read = decode(encoded);
  EXPECT_EQ(write_onnx(read), write_onnx(model));
  const Encoded again = encode(read);
  EXPECT_TRUE(std::ranges::equal(again.graph.data(), encoded.graph.data()));
  EXPECT_EQ(again.weights, encoded.weights);
  EXPECT_TRUE((*read.graph.values[1].type.inner->inner->shape)[0] == 2 * Dim::symbol("batch") + 1);
  EXPECT_EQ(read.graph.find_value("large"), model.graph.find_value("large"));
}

TEST(GraphCodec, StrippedNamesStayDistinctAndConsistent) {
  const ModelDef model = rich_model();
  ByteWriter writer;
  std::string weights;
  write_model(
      writer, model,
      [&](std::span<const std::byte> bytes) {
        weights.resize((weights.size() + bytes.size() + weight_alignment - 1) / weight_alignment * weight_alignment);
        return uint64_t{0};
      },
      Names::stripped);
  ByteReader reader(writer.data(), "section 'graph'");
  const ModelDef bare = read_model(reader, {std::as_bytes(std::span(weights)), nullptr});
  ASSERT_EQ(bare.graph.values.size(), model.graph.values.size());
  EXPECT_EQ(bare.graph.name_of(bare.graph.inputs[0]), "x");
  EXPECT_EQ(bare.graph.name_of(bare.graph.outputs[0]), "y");
  const auto id = static_cast<size_t>(model.graph.find_value("w"));
  const std::string& w = bare.graph.values[id].name;
  EXPECT_NE(w, "w");
  // A branch that reads the value from outside finds it under its new name.
  const auto& branch = std::get<std::shared_ptr<Graph>>(bare.graph.nodes[0].attributes[0].data);
  EXPECT_EQ(branch->name_of(branch->nodes[0].inputs[1]), w);
  EXPECT_EQ(bare.graph.nodes[1].name, "");
}

TEST(GraphCodec, RefusesEveryCut) {
  const Encoded whole = encode(rich_model());
  const auto weights = std::as_bytes(std::span(whole.weights));
  for (size_t size = 0; size < whole.graph.data().size(); ++size) {
    const std::vector<std::byte> cut(whole.graph.data().begin(), whole.graph.data().begin() + static_cast<long>(size));
    ByteReader reader(cut, "section 'graph'");
    EXPECT_THROW(read_model(reader, {weights, nullptr}), Error) << size;
  }
}

TEST(GraphCodec, AnyByteMayBeWrong) {
  const Encoded whole = encode(rich_model());
  const auto weights = std::as_bytes(std::span(whole.weights));
  for (size_t at = 0; at < whole.graph.data().size(); ++at) {
    for (uint8_t wrong : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      std::vector<std::byte> bytes(whole.graph.data().begin(), whole.graph.data().end());
      bytes[at] = std::byte{wrong};
      try {
        ByteReader reader(bytes, "section 'graph'");
        read_model(reader, {weights, nullptr});
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::invalid_model) << error.what();
      }
    }
  }
}

TEST(EngineFile, RunsAsTheEngineThatWasWritten) {
  const auto engine = built(conv_model());
  const ScratchFolder folder;
  const EngineRecord record{"0.0.1", "a CPU", 3, {{"tune", "off"}}, {{"m.onnx", 5, sha256({})}}};
  const std::vector<const Machine*> machines = {engine->machine()};
  write_engine_file(folder / "a.kiln", engine->model(), machines, record);
  ASSERT_TRUE(is_engine_file(folder / "a.kiln"));

  const EngineFile file = EngineFile::open(folder / "a.kiln");
  file.verify_weights();
  EXPECT_EQ(file.record().kiln_version, "0.0.1");
  EXPECT_EQ(file.record().threads, 3);
  EXPECT_EQ(file.record().sources.at(0).sha256, sha256({}));
  EXPECT_EQ(file.variants(), 1u);
  const auto loaded = file.engine();
  ASSERT_NE(loaded->machine(), nullptr);
  ASSERT_EQ(loaded->machine()->steps.size(), engine->machine()->steps.size());
  bool is_packed = false;
  for (size_t i = 0; i < loaded->machine()->steps.size(); ++i) {
    const MachineStep &a = loaded->machine()->steps[i], &b = engine->machine()->steps[i];
    EXPECT_EQ(a.tactic, b.tactic);
    EXPECT_EQ(a.tuning, b.tuning);
    EXPECT_EQ(a.formats, b.formats);
    EXPECT_EQ(a.seconds, b.seconds);
    EXPECT_EQ(a.packed_floats, b.packed_floats);
    is_packed |= a.packed != nullptr;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(a.packed) % 64, 0u);
  }
  EXPECT_TRUE(is_packed);
  const Tensor x = ramp({1, 32, 12, 12});
  EXPECT_TRUE(equal_bits(run_engine(loaded, x)[0].tensor(), run_engine(engine, x)[0].tensor()));
}

TEST(EngineFile, TheSameEngineGivesTheSameBytes) {
  EXPECT_EQ(engine_bytes(*built(conv_model())), engine_bytes(*built(conv_model())));
  const auto engine = built(conv_model());
  const std::string bytes = engine_bytes(*engine);
  EXPECT_EQ(engine_bytes(*read_engine(bytes).engine()), bytes);
}

TEST(EngineFile, RunsWithoutAMachineToo) {
  const auto engine = EngineDef::create(conv_model());
  const auto loaded = read_engine(engine_bytes(*engine)).engine();
  EXPECT_EQ(loaded->machine(), nullptr);
  const Tensor x = ramp({1, 32, 12, 12});
  EXPECT_TRUE(equal_bits(run_engine(loaded, x)[0].tensor(), run_engine(engine, x)[0].tensor()));
}

TEST(EngineFile, NobodyTouchesPlainWeightsThatArePacked) {
  const std::string bytes = engine_bytes(*built(conv_model(64)));
  void* memory = ::mmap(nullptr, bytes.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  std::memcpy(memory, bytes.data(), bytes.size());
  const auto* begin = static_cast<const std::byte*>(memory);
  const size_t size = bytes.size();
  const std::shared_ptr<const void> keeper(memory, [size](void* m) { ::munmap(m, size); });
  const EngineFile file = EngineFile::from_memory({begin, size}, keeper);
  const uint64_t weights = offset_of(file, EngineSection::Kind::weights);
  ASSERT_EQ(weights % 4096, 0u);
  ASSERT_GT(size - weights, 64u * 64 * 9 * 4);
  ASSERT_EQ(::mprotect(static_cast<char*>(memory) + weights, size - weights, PROT_NONE), 0);
  run_engine(file.engine(), ramp({1, 64, 12, 12}));
}

TEST(EngineFile, EveryDamageIsNoticed) {
  const std::string whole = engine_bytes(*built(conv_model(16)));
  const EngineFile sound = read_engine(whole);
  std::vector<bool> is_weight(whole.size(), true);
  for (size_t i = 0; i < 64 + sound.sections().size() * 32; ++i) is_weight[i] = false;
  for (const EngineSection& section : sound.sections()) {
    for (size_t i = 0; section.is_structure() && i < section.size; ++i) is_weight[section.offset + i] = false;
  }
  for (size_t at = 0; at < whole.size(); ++at) {
    // All of the structure, some of the weights.
    if (is_weight[at] && at % 37 != 0) continue;
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << at % 8));
    const auto open = [&] { return message_of([&] { read_engine(bytes); }); };
    if (is_weight[at]) {
      EXPECT_EQ(open(), "") << at;
      EXPECT_NE(message_of([&] { read_engine(bytes).verify_weights(); }), "") << at;
    } else {
      const std::string message = open();
      const bool says_where = message.find("header") != std::string::npos ||
                              message.find("section") != std::string::npos ||
                              message.find("offset") != std::string::npos;
      EXPECT_TRUE(says_where) << at << ": " << message;
    }
  }
}

TEST(EngineFile, EveryCutIsNoticed) {
  const std::string whole = engine_bytes(*built(conv_model(16)));
  for (size_t size = 0; size < whole.size(); size += size < 2000 ? 1 : 97) {
    EXPECT_NE(message_of([&] { read_engine(std::string_view(whole).substr(0, size)); }), "") << size;
  }
  EXPECT_NE(message_of([&] { read_engine(whole + "x"); }), "");
}

TEST(EngineFile, WrongBytesUnderRightChecksumsDoNoHarm) {
  const std::string whole = engine_bytes(*built(conv_model(16)));
  const uint64_t end = offset_of(read_engine(whole), EngineSection::Kind::packed);
  for (size_t at = 64; at < end; ++at) {
    for (uint8_t wrong : {0x00, 0x02, 0x7f, 0xff}) {
      std::string bytes = whole;
      bytes[at] = static_cast<char>(wrong);
      reseal(bytes);
      try {
        read_engine(bytes).engine();
      } catch (const Error& error) {
        EXPECT_NE(error.code(), ErrorCode::internal) << at << ": " << error.what();
      }
    }
  }
}

TEST(EngineFile, SaysWhatItNeedsAndThisProcessLacks) {
  if (best_isa() == Isa::portable) GTEST_SKIP() << "there is nothing to lack";
  const std::string bytes = engine_bytes(*built(conv_model(16)), {.cpu = "another CPU"});
  isa_knob.set(IsaChoice::portable);
  const std::string message = message_of([&] { read_engine(bytes).engine(); });
  const auto model = read_engine(bytes).model();
  isa_knob.set(IsaChoice::automatic);
  for (const char* part : {"instruction set", "portable", "CPU feature avx2", "another CPU", "kiln rebuild"}) {
    EXPECT_NE(message.find(part), std::string::npos) << part << " in: " << message;
  }
  EXPECT_EQ(model.graph.nodes.size(), 2u);
}

TEST(EngineFile, SaysWhoWroteANewerFormat) {
  std::string bytes = engine_bytes(*built(conv_model(16)));
  bytes[4] = 9;
  const std::string message = message_of([&] { read_engine(bytes); });
  for (const char* part : {"format version: found 9", KILN_VERSION, "kiln rebuild"}) {
    EXPECT_NE(message.find(part), std::string::npos) << part << " in: " << message;
  }
}

TEST(EngineFile, TheFirstFormatHadNoSizes) {
  const std::string bytes = engine_bytes(*built(conv_model(16)));
  const EngineFile file = read_engine(bytes);
  std::string older = bytes;
  older[4] = 1;
  constexpr size_t table = 64, entry = 32, size_in_entry = 16;
  const auto& sections = file.sections();
  for (size_t i = 0; i < sections.size(); ++i) {
    if (sections[i].kind != EngineSection::Kind::machine) continue;
    // No other ways, sizes and profiles: a zero each, with zeros behind them.
    const uint64_t size = sections[i].size - 3;
    std::memcpy(&older[table + i * entry + size_in_entry], &size, sizeof size);
  }
  reseal(older);
  const EngineFile read = read_engine(older);
  EXPECT_EQ(read.format_version(), 1u);
  const auto engine = read.engine();
  EXPECT_TRUE(engine->machine()->buckets.empty());
  EXPECT_EQ(engine_bytes(*engine), bytes);
  // Neither is read as the other.
  std::string wrong = bytes;
  wrong[4] = 1;
  reseal(wrong);
  EXPECT_NE(message_of([&] { read_engine(wrong).engine(); }), "");
  older[4] = 2;
  reseal(older);
  EXPECT_NE(message_of([&] { read_engine(older).engine(); }), "");
}

TEST(EngineFile, NothingElseIsAnEngine) {
  const ScratchFolder folder;
  EXPECT_FALSE(is_engine_file(folder.write("empty", "")));
  EXPECT_FALSE(is_engine_file(folder.write("short", "KIL")));
  EXPECT_FALSE(is_engine_file(folder.write("other", "something else")));
  EXPECT_NE(message_of([&] { EngineFile::open(folder.write("magic", "KILN")); }), "");
}

}  // namespace
}  // namespace kiln::test
