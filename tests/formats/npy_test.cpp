#include "formats/npy/npy.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "base/scratch_folder.hpp"
#include "base/utf8.hpp"
#include "formats/npy/zip.hpp"
#include "tensor/dispatch.hpp"

namespace kiln {
namespace {

using namespace std::string_literals;

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

template <class T>
std::string raw(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

/// A version 1 file with this header text and these elements.
std::string npy(std::string header, const std::string& data) {
  header += '\n';
  return "\x93NUMPY\1\0"s + static_cast<char>(header.size() & 0xFF) + static_cast<char>(header.size() >> 8) + header +
         data;
}

std::string npy(const std::string& descr, const std::string& shape, const std::string& data, bool fortran = false) {
  return npy(
      "{'descr': '" + descr + "', 'fortran_order': " + (fortran ? "True" : "False") + ", 'shape': " + shape + ", }",
      data);
}

Tensor read(const std::string& file, DType opaque = DType::undefined) {
  return read_npy(bytes_of(file), {.opaque = opaque});
}

std::string write(const Tensor& tensor) {
  std::string out;
  write_npy(tensor, [&](std::span<const std::byte> bytes) {
    out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  });
  return out;
}

std::string write_zip(const std::vector<NamedTensor>& tensors, bool compress) {
  std::string out;
  write_npz(
      tensors,
      [&](std::span<const std::byte> bytes) { out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size()); },
      compress);
  return out;
}

template <class T>
void expect_elements(const Tensor& tensor, const Shape& shape, const std::vector<T>& expected) {
  EXPECT_EQ(tensor.shape(), shape);
  EXPECT_TRUE(equal_bits(tensor, Tensor::from<T>(shape, expected)));
}

void expect_error(const std::string& file, ErrorCode code, const std::string& part, DType opaque = DType::undefined) {
  try {
    read(file, opaque);
    ADD_FAILURE() << "no error about " << part;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

TEST(Npy, ReadsNumbersOfBothByteOrders) {
  expect_elements<float>(read(npy("<f4", "(2, 1)", raw<float>({1.5f, -2}))), {2, 1}, {1.5f, -2});
  expect_elements<int32_t>(read(npy(">i4", "(2,)", "\0\0\1\2\xff\xff\xff\xfe"s)), {2}, {258, -2});
  expect_elements<int16_t>(read(npy("<i2", "(2,)", raw<int16_t>({-5, 7}))), {2}, {-5, 7});
  expect_elements<uint64_t>(read(npy(">u8", "(1,)", "\1\2\3\4\5\6\7\x08"s)), {1}, {0x0102030405060708});
  expect_elements<int8_t>(read(npy("|i1", "(1,)", "\xff")), {1}, {-1});
  expect_elements<double>(read(npy("=f8", "()", raw<double>({0.1}))), {}, {0.1});
  EXPECT_EQ(read(npy(">f2", "(1,)", "\x3c\0"s)).data<f16>()[0], f16(1.0f));
  expect_elements<std::complex<float>>(read(npy(">c8", "(1,)", "\x3f\x80\0\0\x40\0\0\0"s)), {1}, {{1, 2}});
  expect_elements<std::complex<double>>(read(npy("<c16", "(1,)", raw<double>({1, 2}))), {1}, {{1, 2}});
}

TEST(Npy, ReadsAnyByteAsBool) {
  const Tensor tensor = read(npy("|b1", "(3,)", "\0\1\x07"s));
  EXPECT_EQ(raw(std::vector<uint8_t>{0, 1, 1}), std::string(static_cast<const char*>(tensor.raw()), 3));
}

TEST(Npy, TransposesFortranOrder) {
  expect_elements<int32_t>(read(npy("<i4", "(2, 3)", raw<int32_t>({1, 4, 2, 5, 3, 6}), true)), {2, 3},
                           {1, 2, 3, 4, 5, 6});
  expect_elements<int8_t>(read(npy("|i1", "(2, 2, 2)", "\0\4\2\6\1\5\3\7"s, true)), {2, 2, 2},
                          {0, 1, 2, 3, 4, 5, 6, 7});
  expect_elements<std::string>(read(npy("|S1", "(2, 2)", "acbd", true)), {2, 2}, {"a", "b", "c", "d"});
  expect_elements<int16_t>(read(npy(">i2", "(1, 2)", "\0\1\0\2"s, true)), {1, 2}, {1, 2});
}

TEST(Npy, ReadsScalarsAndEmptyArrays) {
  expect_elements<float>(read(npy("<f4", "()", raw<float>({3}))), {}, {3});
  expect_elements<float>(read(npy("<f4", "(0, 3)", "")), {0, 3}, {});
  expect_elements<float>(read(npy("<f4", "(4611686018427387904, 0, 4611686018427387904)", "", true)),
                         {4611686018427387904, 0, 4611686018427387904}, {});
}

TEST(Npy, ReadsStrings) {
  const std::string little = "a\0\0\0\xe9\0\0\0\0\0\0\0\0\xf6\1\0"s;
  expect_elements<std::string>(read(npy("<U2", "(2,)", little)), {2}, {"a\xc3\xa9", "\0\xf0\x9f\x98\x80"s});
  expect_elements<std::string>(read(npy(">U2", "(1,)", "\0\0\0a\0\0\0\0"s)), {1}, {"a"});
  expect_elements<std::string>(read(npy("|S3", "(2,)", "ab\0\0\xff\0"s)), {2}, {"ab", "\0\xff"s});
  expect_elements<std::string>(read(npy("<U0", "(2,)", "")), {2}, {"", ""});
  expect_error(npy("<U1", "(1,)", "\0\xd8\0\0"s), ErrorCode::invalid_data, "0xd800");
  expect_error(npy("<U1", "(1,)", "\0\0\x11\0"s), ErrorCode::invalid_data, "0x110000");
}

TEST(Npy, ReadsTypesThatNumpyCannotName) {
  const Tensor bf = read(npy("<V2", "(2,)", "\x80\x3f\0\xc0"s));
  EXPECT_EQ(bf.dtype(), DType::bf16);
  EXPECT_EQ(static_cast<float>(bf.data<bf16>()[1]), -2.0f);
  EXPECT_EQ(read(npy("|V2", "(1,)", "\0\x3c"s), DType::f16).dtype(), DType::f16);
  EXPECT_EQ(read(npy("<f1", "(1,)", "\x3c")).dtype(), DType::f8e5m2);
  EXPECT_EQ(read(npy("|V1", "(1,)", "8"), DType::f8e4m3fn).dtype(), DType::f8e4m3fn);
  EXPECT_EQ(read(npy("bfloat16", "(1,)", "\x80\x3f")).dtype(), DType::bf16);
  const Tensor narrow = read(npy("<V1", "(3,)", "\x0f\xf7\x08"), DType::i4);
  EXPECT_EQ(narrow.data<int4>()[0], -1);
  EXPECT_EQ(narrow.data<int4>()[1], 7);
  EXPECT_EQ(narrow.data<int4>()[2], -8);
  expect_error(npy("|V1", "(1,)", "8"), ErrorCode::unsupported, "element type must be given");
  expect_error(npy("|V1", "(1,)", "8"), ErrorCode::invalid_data, "cannot be f32", DType::f32);
  expect_error(npy("|V32", "(0,)", ""), ErrorCode::invalid_data, "cannot be string", DType::string);
}

TEST(Npy, ReadsLaterVersionsAndLooseHeaders) {
  const std::string dict = "{\"shape\":(1L),\"descr\":\"|u1\",\"fortran_order\":False}";
  const std::string length = {static_cast<char>(dict.size()), 0, 0, 0};
  expect_elements<uint8_t>(read("\x93NUMPY\2\0"s + length + dict + "\5"), {1}, {5});
  expect_elements<uint8_t>(read("\x93NUMPY\3\0"s + length + dict + "\5 and more"), {1}, {5});
  expect_error("\x93NUMPY\4\0"s + length + dict + "\5", ErrorCode::unsupported, "version 4.0");
}

TEST(Npy, RefusesBrokenFiles) {
  expect_error("", ErrorCode::invalid_data, "no .npy file");
  expect_error("\x93NUMPY", ErrorCode::invalid_data, "no .npy file");
  expect_error("\x93NUMPY\1\0\xff"s, ErrorCode::invalid_data, "cut off in its header");
  expect_error("\x93NUMPY\2\0\xff\xff\xff\xff{}"s, ErrorCode::invalid_data, "cut off in its header");
  expect_error(npy("<f4", "(2,)", "1234567"), ErrorCode::invalid_data, "cut off");
  expect_error(npy("<f4", "(9223372036854775807,)", ""), ErrorCode::invalid_data, "cut off");
  expect_error(npy("<f4", "(4294967296, 4294967296)", ""), ErrorCode::limit_exceeded, "64 bits");
  expect_error(npy("<f4", "(9223372036854775808,)", ""), ErrorCode::invalid_data, "64 bits");
  expect_error(npy("<f4", "(-1,)", ""), ErrorCode::invalid_data, "a dim");
  expect_error(npy("<U0", "(999999999999,)", ""), ErrorCode::limit_exceeded, "limit");
  expect_error(npy("<f16", "(0,)", ""), ErrorCode::unsupported, "<f16");
  expect_error(npy("|O", "(0,)", ""), ErrorCode::unsupported, "astype");
  expect_error(npy("<M8[D]", "(0,)", ""), ErrorCode::unsupported, "M8");
  expect_error(npy("", "(0,)", ""), ErrorCode::unsupported, "''");
  expect_error(npy("<S99999999999999999999", "(1,)", ""), ErrorCode::unsupported, "S999");
  expect_error(npy("{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (1,)}", ""), ErrorCode::unsupported,
               "structured");
  expect_error(npy("{'descr': '<i4', 'fortran_order': False}", ""), ErrorCode::invalid_data, "lacks its key 'shape'");
  expect_error(npy("{'descr': '<i4', 'descr': '<i4'}", ""), ErrorCode::invalid_data, "surplus key 'descr'");
  expect_error(npy("{'descr': '<i4\\'', }", ""), ErrorCode::invalid_data, "malformed");
  expect_error(npy("{'descr': '<i4'", ""), ErrorCode::invalid_data, "expected }");
  expect_error(npy("{'descr': 'i4', 'fortran_order': 0, 'shape': (1,)}", ""), ErrorCode::invalid_data, "True or False");
  std::string many = "(";
  for (int i = 0; i < 65; ++i) many += "1,";
  expect_error(npy("|i1", many + ")", "1"), ErrorCode::invalid_data, "more than 64 dims");
}

TEST(Npy, BorrowsWhereTheLayoutAllows) {
  const auto file = std::make_shared<std::string>(write(Tensor::vector<float>({1, 2, 3})));
  const Tensor tensor = read_npy(bytes_of(*file), {.keeper = file});
  EXPECT_EQ(static_cast<const char*>(tensor.raw()), file->data() + file->size() - 12);
  expect_elements<float>(tensor, {3}, {1, 2, 3});
  const auto swapped = std::make_shared<std::string>(npy(">i2", "(1,)", "\0\1"s));
  expect_elements<int16_t>(read_npy(bytes_of(*swapped), {.keeper = swapped}), {1}, {1});
  const auto odd = std::make_shared<std::string>(npy("|b1", "(1,)", "\2"));
  EXPECT_TRUE(equal_bits(read_npy(bytes_of(*odd), {.keeper = odd}), Tensor::scalar(true).reshaped({1})));
}

std::vector<Tensor> one_of_each_type() {
  std::vector<Tensor> tensors;
  for (int i = 1; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    Tensor tensor(dtype, {2, 3});
    if (dtype == DType::string) {
      for (std::string& text : tensor.mutable_elements<std::string>()) text = "h\xc3\xa9 \xf0\x9f\x98\x80";
    } else {
      for (size_t k = 0; k < tensor.bytes(); ++k) {
        static_cast<uint8_t*>(tensor.mutable_raw())[k] = dtype == DType::boolean ? k % 2 : k % 4;
      }
      if (dtype == DType::i2) tensor = Tensor::from<int2>({2}, std::vector{int2(-2), int2(1)});
      if (dtype == DType::i4) tensor = Tensor::from<int4>({2}, std::vector{int4(-8), int4(7)});
    }
    tensors.push_back(tensor);
  }
  tensors.push_back(Tensor::scalar<int64_t>(7));
  tensors.push_back(Tensor(DType::f32, {0, 3}));
  tensors.push_back(Tensor(DType::string, {0}));
  tensors.push_back(Tensor::vector<std::string>({"\xff\xfe", "", "abc"}));
  return tensors;
}

TEST(Npy, EveryTypeRoundTrips) {
  for (const Tensor& tensor : one_of_each_type()) {
    const std::string file = write(tensor);
    EXPECT_EQ((file.find('\n') + 1) % 64, 0);
    EXPECT_TRUE(equal_bits(read(file, tensor.dtype()), tensor)) << dtype_name(tensor.dtype());
  }
  EXPECT_THROW(write(Tensor()), Error);
}

TEST(Npy, WritesWhatMlDtypesWrites) {
  const std::string file = write(Tensor::vector(std::vector{int4(-1), int4(7)}));
  EXPECT_NE(file.find("'<V1'"), std::string::npos);
  EXPECT_EQ(file.substr(file.size() - 2), "\x0f\x07");
  EXPECT_NE(write(Tensor(DType::bf16, {1})).find("'<V2'"), std::string::npos);
  EXPECT_NE(write(Tensor(DType::boolean, {1})).find("'|b1'"), std::string::npos);
}

TEST(Npz, RoundTripsStoredAndDeflated) {
  std::vector<NamedTensor> tensors;
  for (const Tensor& tensor : one_of_each_type()) {
    if (tensor.dtype() != DType::string && dtype_size(tensor.dtype()) == 1) continue;
    tensors.push_back({"n\xc3\xa4me/" + std::to_string(tensors.size()), tensor});
  }
  tensors.push_back({"", Tensor(DType::f32, {100000})});
  std::memset(tensors.back().tensor.mutable_raw(), 0, 400000);
  for (const bool compress : {false, true}) {
    const auto file = std::make_shared<std::string>(write_zip(tensors, compress));
    EXPECT_EQ(file->size() < 50000, compress);
    const auto back = read_npz(bytes_of(*file), {.keeper = file});
    ASSERT_EQ(back.size(), tensors.size());
    for (size_t i = 0; i < back.size(); ++i) {
      EXPECT_EQ(back[i].name, tensors[i].name);
      EXPECT_TRUE(equal_bits(back[i].tensor, tensors[i].tensor));
    }
  }
  EXPECT_TRUE(read_npz(bytes_of(write_zip({}, false))).empty());
}

// numpy.savez_compressed(file, numpy.zeros(2)), NumPy 2
const std::string numpy_npz =
    "PK\x03\x04-\0\0\0\x08\0\0\0!\0n\x99\xb2(\xff\xff\xff\xff\xff\xff\xff\xff\t\0\x14\0arr_0.npy\x01\0\x10\0\x90\0\0\0"
    "\0\0\0\0G\0\0\0\0\0\0\0\x9b\xec\x17\xea\x1b\x10\xc9\xc8P\xc6P\xad\x9e\x92Z\x9c\\\xa4n\xa5\xa0n\x93"
    "f\xa1\xae\xa3\xa0"
    "\x9e\x96_TR\x94\x98\x17\x9f_\x94\x92\n\x12wK\xcc)N\x05\x8a\x17g$\x16\xa4\x02\xf9\x1a"
    "F:\x9a:\n\xb5\n\x14\0.\x06"
    "4\0\0PK\x01\x02-\x03-\0\0\0\x08\0\0\0!\0n\x99\xb2(G\0\0\0\x90\0\0\0\t\0\0\0\0\0\0\0\0\0\0\0\x80\x01\0\0\0\0"
    "arr_0.npyPK\x05\x06\0\0\0\0\x01\0\x01\0"
    "7\0\0\0\x82\0\0\0\0\0"s;

TEST(Npz, ReadsWhatNumpyWrites) {
  const auto arrays = read_npz(bytes_of(numpy_npz));
  ASSERT_EQ(arrays.size(), 1);
  EXPECT_EQ(arrays[0].name, "arr_0");
  expect_elements<double>(arrays[0].tensor, {2}, {0, 0});
}

void expect_zip_error(std::string file, ErrorCode code, const std::string& part, uint64_t max_bytes = 1 << 20) {
  try {
    read_npz(bytes_of(file), {.max_bytes = max_bytes});
    ADD_FAILURE() << "no error about " << part;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

std::string patched(std::string file, size_t offset, const std::string& bytes) {
  return file.replace(offset, bytes.size(), bytes);
}

TEST(Npz, RefusesBrokenArchives) {
  const size_t directory = numpy_npz.find("PK\x01\x02");
  expect_zip_error("", ErrorCode::invalid_data, "no zip archive");
  expect_zip_error(numpy_npz.substr(0, numpy_npz.size() - 1), ErrorCode::invalid_data, "no zip archive");
  expect_zip_error(patched(numpy_npz, 70, "x"), ErrorCode::invalid_data, "damaged");
  expect_zip_error(patched(numpy_npz, directory + 8, "\1"), ErrorCode::unsupported, "encrypted");
  expect_zip_error(patched(numpy_npz, directory + 10, "\x0c"), ErrorCode::unsupported, "method 12");
  expect_zip_error(patched(numpy_npz, directory + 16, "0"), ErrorCode::invalid_data, "checksum");
  expect_zip_error(patched(numpy_npz, directory + 24, "\x91"), ErrorCode::invalid_data, "145 bytes");
  expect_zip_error(patched(numpy_npz, directory + 24, "\x8f"), ErrorCode::invalid_data, "143 bytes");
  expect_zip_error(patched(numpy_npz, directory + 27, "\x40"), ErrorCode::invalid_data, "cannot be");
  expect_zip_error(patched(numpy_npz, directory + 42, "\1"), ErrorCode::invalid_data, "not where");
  expect_zip_error(patched(numpy_npz, directory + 20, "\x48"), ErrorCode::invalid_data, "overlap");
  expect_zip_error(patched(numpy_npz, numpy_npz.size() - 6, "\xff"), ErrorCode::invalid_data, "cut off");
  expect_zip_error(patched(numpy_npz, numpy_npz.size() - 18, "\1"), ErrorCode::unsupported, "several");

  const std::string zeros = write_zip({{"z", Tensor::vector(std::vector<uint8_t>(1 << 21))}}, true);
  expect_zip_error(zeros, ErrorCode::limit_exceeded, "array 'z'");
  EXPECT_EQ(read_npz(bytes_of(zeros)).size(), 1);
  const Tensor one = Tensor::scalar<float>(1);
  expect_zip_error(write_zip({{"a", one}, {"a", one}}, false), ErrorCode::invalid_data, "'a.npy' twice");
}

TEST(Npz, ManyArraysUseZip64) {
  std::vector<NamedTensor> tensors;
  const Tensor one = Tensor::scalar<uint8_t>(1);
  for (int i = 0; i < 65540; ++i) tensors.push_back({std::to_string(i), one});
  const auto back = read_npz(bytes_of(write_zip(tensors, false)));
  ASSERT_EQ(back.size(), tensors.size());
  EXPECT_EQ(back.back().name, "65539");
}

TEST(Npz, MutatedFilesGiveAnAnswerOrAnError) {
  std::mt19937 random(5);
  const std::vector<NamedTensor> tensors = {{"a", Tensor::vector<std::string>({"x", "\xc3\xa9z"})},
                                            {"b", Tensor::vector<int64_t>({1, 2, 3})},
                                            {"c", Tensor(DType::boolean, {2, 0})}};
  const std::vector<std::string> seeds = {numpy_npz,
                                          write_zip(tensors, false),
                                          write_zip(tensors, true),
                                          write(tensors[0].tensor),
                                          npy(">c16", "(1, 2)", std::string(32, 'x'), true),
                                          npy("<V1", "(2,)", "ab")};
  for (int round = 0; round < 30000; ++round) {
    std::string file = seeds[random() % seeds.size()];
    for (unsigned i = random() % 6; i > 0; --i) {
      const size_t at = random() % file.size();
      switch (random() % 4) {
        case 0: file[at] = static_cast<char>(random()); break;
        case 1: file[at] = static_cast<char>(file[at] ^ 1 << random() % 8); break;
        case 2: file.erase(at, 1 + random() % 8); break;
        default: file.insert(at, file.substr(random() % file.size(), random() % 8));
      }
      if (file.empty()) file = "x";
    }
    const auto keeper = std::make_shared<std::string>(file);
    for (const DType opaque : {DType::undefined, DType::u2}) {
      const ArrayReadOptions options{.opaque = opaque, .max_bytes = 1 << 20, .keeper = round % 2 ? keeper : nullptr};
      try {
        read_npz(bytes_of(*keeper), options);
      } catch (const Error&) {
      }
      try {
        read_npy(bytes_of(*keeper), options);
      } catch (const Error&) {
      }
    }
  }
}

TEST(Npz, FilesOnDisk) {
  const ScratchFolder folder;
  const Tensor tensor = Tensor::vector<float>({1, 2, 3});
  save_npy(folder / "x.npy", tensor);
  EXPECT_TRUE(equal_bits(load_npy(folder / "x.npy"), tensor));
  const std::vector<NamedTensor> both = {{"x", tensor}, {"y", Tensor::scalar<int64_t>(4)}};
  save_npz(folder / "x.npz", both, true);
  const std::vector<NamedTensor> back = load_npz(folder / "x.npz");
  ASSERT_EQ(back.size(), 2);
  EXPECT_TRUE(equal_bits(back[1].tensor, both[1].tensor));
  folder.write("bad.npy", "no array");
  try {
    load_npy(folder / "bad.npy");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("bad.npy: this is no .npy file"), std::string::npos) << error.what();
  }
}

TEST(Utf8, RoundTripsAndRefusesWhatIsInvalid) {
  for (char32_t c = 0; c <= 0x10FFFF; c += 7) {
    if (!is_code_point(c)) continue;
    std::string text;
    append_utf8(text, c);
    ASSERT_EQ(decode_utf8(text), std::u32string(1, c));
    ASSERT_FALSE(c >= 0x80 && decode_utf8(text.substr(0, text.size() - 1)));
  }
  for (const char* text : {"\x80", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xc3("}) {
    EXPECT_FALSE(decode_utf8(text)) << text;
  }
}

}  // namespace
}  // namespace kiln
