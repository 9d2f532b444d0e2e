#include "formats/onnx/bit_packing.hpp"
#include "formats/onnx_messages.hpp"

namespace kiln::onnx_test {
namespace {

using Ints = std::vector<int>;
using Rules = std::vector<std::string>;

TEST(OnnxTensor, LargeRawDataStaysWhereItIs) {
  std::vector<float> values(100, 1.5f);
  const auto file =
      std::make_shared<const std::string>(model_with_initializer(raw_tensor(DType::f32, {10, 10}, raw_of(values))));
  const ModelDef model = read_onnx_memory(std::as_bytes(std::span(*file)), file);
  const Tensor& tensor = model.graph.initializers.at(0).tensor;
  const auto* at = static_cast<const char*>(tensor.raw());
  EXPECT_GE(at, file->data());
  EXPECT_LT(at, file->data() + file->size());
  EXPECT_EQ(tensor.clone().elements<float>()[99], 1.5f);
}

TEST(OnnxTensor, WithoutAKeeperIsCopied) {
  const std::string file = model_with_initializer(raw_tensor(DType::u8, {100}, std::string(100, 'x')));
  const ModelDef model = read_onnx_memory(std::as_bytes(std::span(file)), nullptr);
  const auto* at = static_cast<const char*>(model.graph.initializers.at(0).tensor.raw());
  EXPECT_TRUE(at < file.data() || at >= file.data() + file.size());
}

TEST(OnnxTensor, ReadsEveryTypeFromRawData) {
  for (int number = 1; number < kDTypeCount; ++number) {
    const auto dtype = static_cast<DType>(number);
    if (dtype == DType::string) continue;
    for (const int64_t count : {0, 1, 2, 3, 5, 7, 200}) {
      std::string raw(onnx::stored_bytes(dtype, count), '\1');
      const Tensor tensor = read_tensor(raw_tensor(dtype, {count}, raw));
      ASSERT_EQ(tensor.dtype(), dtype);
      ASSERT_EQ(tensor.size(), count);
      EXPECT_EQ(tensor.bytes(), static_cast<size_t>(count) * dtype_size(dtype));
      EXPECT_EQ(rules(model_with_initializer(raw_tensor(dtype, {count}, raw + "x"))), Rules{"tensor-data-size"});
    }
  }
}

TEST(OnnxTensor, UnpacksNarrowElements) {
  EXPECT_EQ(bytes_of(read_tensor(raw_tensor(DType::u4, {3}, "\x21\x0f"))), (Ints{1, 2, 15}));
  EXPECT_EQ(bytes_of(read_tensor(raw_tensor(DType::i4, {3}, "\x7f\x08"))), (Ints{255, 7, 248}));
  EXPECT_EQ(bytes_of(read_tensor(raw_tensor(DType::u2, {5}, "\xe4\x02"))), (Ints{0, 1, 2, 3, 2}));
  EXPECT_EQ(bytes_of(read_tensor(raw_tensor(DType::i2, {4}, "\xe4"))), (Ints{0, 1, 254, 255}));
  // x0 | x1 << 6 | x2 << 12 | x3 << 18, least significant byte first.
  const unsigned group = 1 | 63 << 6 | 32 << 12 | 5 << 18;
  const std::string packed{static_cast<char>(group), static_cast<char>(group >> 8), static_cast<char>(group >> 16)};
  EXPECT_EQ(bytes_of(read_tensor(raw_tensor(DType::f6e2m3, {4}, packed))), (Ints{1, 63, 32, 5}));
  EXPECT_EQ(bytes_of(read_tensor(raw_tensor(DType::f6e3m2, {2}, packed.substr(0, 2)))), (Ints{1, 63}));
}

TEST(OnnxTensor, PackingReverses) {
  for (const DType dtype : {DType::u2, DType::i2, DType::u4, DType::i4, DType::f4e2m1, DType::f6e2m3, DType::f6e3m2}) {
    for (int64_t count = 0; count < 18; ++count) {
      std::string stream(onnx::stored_bytes(dtype, count), '\0');
      for (size_t i = 0; i < stream.size(); ++i) stream[i] = static_cast<char>(i * 89 + 41);
      Tensor tensor(dtype, {count});
      auto* codes = static_cast<uint8_t*>(tensor.mutable_raw());
      onnx::unpack(dtype, reinterpret_cast<const uint8_t*>(stream.data()), count, codes);
      const std::string packed = onnx::pack(tensor);
      ASSERT_EQ(packed.size(), stream.size());
      Tensor again(dtype, {count});
      onnx::unpack(dtype, reinterpret_cast<const uint8_t*>(packed.data()), count,
                   static_cast<uint8_t*>(again.mutable_raw()));
      EXPECT_TRUE(equal_bits(tensor, again)) << dtype_name(dtype) << " " << count;
    }
  }
}

Fill int32_data(std::vector<int32_t> values) {
  return [values](Writer& out) { out.add_packed_int32(field::tensor::int32_data, values.begin(), values.end()); };
}

TEST(OnnxTensor, ReadsInt32DataOfEveryTypeThatUsesIt) {
  for (const DType dtype :
       {DType::u8, DType::i8, DType::f8e4m3fn, DType::f8e4m3fnuz, DType::f8e5m2, DType::f8e5m2fnuz, DType::f8e8m0}) {
    EXPECT_EQ(bytes_of(read_tensor(tensor(dtype, {3}, int32_data({1, 127, -1})))), (Ints{1, 127, 255}));
  }
  for (const DType dtype : {DType::u16, DType::i16, DType::f16, DType::bf16}) {
    EXPECT_EQ(bytes_of(read_tensor(tensor(dtype, {2}, int32_data({0x1234, 0xffff})))), (Ints{0x34, 0x12, 255, 255}));
  }
  EXPECT_EQ(bytes_of(read_tensor(tensor(DType::i32, {1}, int32_data({-2})))), (Ints{254, 255, 255, 255}));
  EXPECT_EQ(bytes_of(read_tensor(tensor(DType::boolean, {3}, int32_data({0, 1, 256})))), (Ints{0, 1, 1}));
  EXPECT_EQ(bytes_of(read_tensor(tensor(DType::i4, {3}, int32_data({0xf1, 0x08})))), (Ints{1, 255, 248}));
  EXPECT_EQ(bytes_of(read_tensor(tensor(DType::f4e2m1, {2}, int32_data({0x98})))), (Ints{8, 9}));
  EXPECT_EQ(bytes_of(read_tensor(tensor(DType::u2, {5}, int32_data({0xe4, 1})))), (Ints{0, 1, 2, 3, 1}));
  EXPECT_EQ(bytes_of(read_tensor(tensor(DType::f6e2m3, {2}, int32_data({63, 65})))), (Ints{63, 1}));
}

TEST(OnnxTensor, ReadsTheOtherTypedFields) {
  const Tensor floats = read_tensor(tensor(DType::f32, {2}, [](Writer& out) {
    const std::vector<float> values{1.5f, -2.0f};
    out.add_packed_float(field::tensor::float_data, values.begin(), values.end());
  }));
  EXPECT_EQ(floats.elements<float>()[1], -2.0f);
  const Tensor complex = read_tensor(tensor(DType::c128, {1}, [](Writer& out) {
    out.add_double(field::tensor::double_data, 3.0);  // not packed
    out.add_double(field::tensor::double_data, 4.0);
  }));
  EXPECT_EQ(complex.elements<std::complex<double>>()[0], std::complex<double>(3, 4));
  const Tensor longs = read_tensor(tensor(DType::i64, {3}, [](Writer& out) {
    const std::vector<int64_t> values{-1, INT64_MIN};
    out.add_packed_int64(field::tensor::int64_data, values.begin(), values.end());
    out.add_int64(field::tensor::int64_data, 7);  // the same field again, not packed
  }));
  EXPECT_EQ(longs.elements<int64_t>()[1], INT64_MIN);
  EXPECT_EQ(longs.elements<int64_t>()[2], 7);
  const Tensor unsigneds = read_tensor(
      tensor(DType::u32, {1}, [](Writer& out) { out.add_uint64(field::tensor::uint64_data, 4000000000u); }));
  EXPECT_EQ(unsigneds.elements<uint32_t>()[0], 4000000000u);
  const Tensor texts = read_tensor(tensor(DType::string, {2}, [](Writer& out) {
    out.add_bytes(field::tensor::string_data, "a");
    out.add_bytes(field::tensor::string_data, std::string("b\0c", 3));
  }));
  EXPECT_EQ(texts.elements<std::string>()[1], std::string("b\0c", 3));
}

TEST(OnnxTensor, NormalisesBools) {
  const std::string raw(70, '\7');
  EXPECT_EQ(bytes_of(read_tensor(raw_tensor(DType::boolean, {70}, raw))), Ints(70, 1));
}

TEST(OnnxTensor, RefusesHostileSizesBeforeAllocating) {
  const auto refused = [](const std::string& encoded) { return rules(model_with_initializer(encoded)); };
  EXPECT_EQ(refused(tensor(DType::f32, {int64_t{1} << 34})), Rules{"tensor-data-size"});
  EXPECT_EQ(refused(tensor(DType::f32, {int64_t{1} << 40})), Rules{"tensor-too-large"});
  EXPECT_EQ(refused(tensor(DType::f32, {int64_t{1} << 40, int64_t{1} << 40})), Rules{"tensor-too-large"});
  EXPECT_EQ(refused(tensor(DType::i4, {INT64_MAX})), Rules{"tensor-too-large"});
  EXPECT_EQ(refused(tensor(DType::f32, {2, -1})), Rules{"negative-dim"});
  EXPECT_EQ(refused(tensor(DType::f32, Shape(65, 1))), Rules{"rank-too-large"});
  EXPECT_EQ(refused(tensor(DType::f32, {})), Rules{"tensor-data-size"});
  EXPECT_EQ(refused(tensor(DType::f32, {0, int64_t{1} << 60})), Rules{});
}

TEST(OnnxTensor, RefusesDataInTheWrongPlace) {
  const auto refused = [](const std::string& encoded) { return rules(model_with_initializer(encoded)); };
  EXPECT_EQ(refused(tensor(DType::f32, {1}, int32_data({1}))), Rules{"tensor-data-field"});
  EXPECT_EQ(refused(raw_tensor(DType::string, {1}, "x")), Rules{"tensor-data-field"});
  EXPECT_EQ(refused(raw_tensor(DType::undefined, {1}, "x")), Rules{"undefined-element-type"});
  EXPECT_EQ(refused(raw_tensor(static_cast<DType>(99), {1}, "x")), Rules{"unknown-element-type"});
  EXPECT_EQ(refused(tensor(DType::i32, {1},
                           [](Writer& out) {
                             out.add_int32(field::tensor::int32_data, 1);
                             out.add_bytes(field::tensor::raw_data, "abcd");
                           })),
            Rules{"tensor-data-field"});
  EXPECT_EQ(
      refused(tensor(DType::i32, {1}, [](Writer& out) { out.add_message(field::tensor::segment, std::string()); })),
      (Rules{"tensor-segment", "tensor-data-size"}));
}

std::string external(const std::vector<std::pair<std::string, std::string>>& entries) {
  return model_with_initializer(tensor(DType::u8, {100}, [&](Writer& out) {
    for (const auto& entry : entries) {
      out.add_message(field::tensor::external_data, message([&](Writer& written) {
                        written.add_string(field::entry::key, entry.first);
                        written.add_string(field::entry::value, entry.second);
                      }));
    }
    out.add_enum(field::tensor::data_location, 1);
  }));
}

TEST(OnnxTensor, AsksTheLoaderForExternalData) {
  const auto store = std::make_shared<const std::string>(std::string(8, 'a') + std::string(100, 'b'));
  ReadOptions options;
  options.load_external = [&](const std::string& location, uint64_t offset, uint64_t length) {
    EXPECT_EQ(location, "weights.bin");
    return ExternalBytes{std::as_bytes(std::span(*store)).subspan(offset, length), store};
  };
  const ModelDef model = read(external({{"location", "weights.bin"}, {"offset", "8"}}), nullptr, options);
  EXPECT_EQ(model.graph.initializers.at(0).tensor.raw(), store->data() + 8);
  EXPECT_EQ(model.graph.initializers.at(0).external.size(), 2u);
}

TEST(OnnxTensor, RefusesExternalDataThatIsNotToBeHad) {
  ReadOptions loader;
  loader.load_external = [](const std::string&, uint64_t, uint64_t) -> ExternalBytes {
    ADD_FAILURE() << "the loader must not be asked";
    return {};
  };
  for (const char* location : {"", "/etc/passwd", "../w", "a/../../w", "a/.."}) {
    EXPECT_EQ(rules(external({{"location", location}}), loader), Rules{"external-data"}) << location;
  }
  for (const char* number : {"-1", "x", "99999999999999999999", "18446744073709551615", ""}) {
    EXPECT_EQ(rules(external({{"location", "w"}, {"offset", number}}), loader), Rules{"external-data"}) << number;
  }
  EXPECT_EQ(rules(external({{"location", "w"}, {"length", "99"}}), loader), Rules{"external-data"});
  EXPECT_EQ(rules(external({{"location", "w"}})), Rules{"external-data"}) << "no folder";
  ReadOptions none = loader;
  none.allow_external = false;
  EXPECT_EQ(rules(external({{"location", "w"}}), none), Rules{"external-data"});
}

}  // namespace
}  // namespace kiln::onnx_test
