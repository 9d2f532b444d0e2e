#include <gtest/gtest.h>

#include <cstring>
#include <memory>

#include "api/small_models.hpp"
#include "base/scratch_folder.hpp"
#include "kiln/kiln.h"

namespace kiln::api_test {
namespace {

struct Free {
  void operator()(kiln_model* model) const { kiln_model_free(model); }
  void operator()(kiln_engine* engine) const { kiln_engine_free(engine); }
  void operator()(kiln_session* session) const { kiln_session_free(session); }
  void operator()(kiln_value* value) const { kiln_value_free(value); }
  void operator()(kiln_cancel* cancel) const { kiln_cancel_free(cancel); }
};
using ModelHandle = std::unique_ptr<kiln_model, Free>;
using EngineHandle = std::unique_ptr<kiln_engine, Free>;
using SessionHandle = std::unique_ptr<kiln_session, Free>;
using ValueHandle = std::unique_ptr<kiln_value, Free>;

/// Calls make(&handle), expecting success.
template <class Handle, class Make>
Handle made(Make&& make) {
  typename Handle::pointer raw = nullptr;
  EXPECT_EQ(make(&raw), KILN_OK) << kiln_last_error();
  return Handle(raw);
}

SessionHandle session_of(const std::string& onnx) {
  const auto model =
      made<ModelHandle>([&](kiln_model** out) { return kiln_model_from_memory(onnx.data(), onnx.size(), out); });
  return made<SessionHandle>([&](kiln_session** out) { return kiln_session_create(model.get(), 0, out); });
}

ValueHandle floats(const std::vector<int64_t>& dims, const std::vector<float>& elements) {
  auto tensor =
      made<ValueHandle>([&](kiln_value** out) { return kiln_tensor_create(KILN_F32, dims.data(), dims.size(), out); });
  void* data = nullptr;
  size_t bytes = 0;
  EXPECT_EQ(kiln_tensor_mutable_data(tensor.get(), &data, &bytes), KILN_OK);
  EXPECT_EQ(bytes, elements.size() * sizeof(float));
  std::memcpy(data, elements.data(), bytes);
  return tensor;
}

std::vector<float> elements_of(const ValueHandle& tensor) {
  const void* data = nullptr;
  size_t bytes = 0;
  EXPECT_EQ(kiln_tensor_data(tensor.get(), &data, &bytes), KILN_OK) << kiln_last_error();
  const auto* begin = static_cast<const float*>(data);
  return {begin, begin + bytes / sizeof(float)};
}

TEST(CApi, NumbersAreThoseOfTheCppApi) {
  EXPECT_EQ(static_cast<int>(KILN_INTERNAL), static_cast<int>(ErrorCode::internal));
  EXPECT_EQ(static_cast<int>(KILN_LIMIT_EXCEEDED), static_cast<int>(ErrorCode::limit_exceeded));
  EXPECT_EQ(static_cast<int>(KILN_F6E3M2), static_cast<int>(DType::f6e3m2));
  EXPECT_EQ(static_cast<int>(KILN_BF16), static_cast<int>(DType::bf16));
  EXPECT_EQ(kiln_version(), version());
  EXPECT_STREQ(kiln_status_name(KILN_OK), "ok");
  EXPECT_STREQ(kiln_status_name(KILN_INVALID_MODEL), "invalid model");
}

TEST(CApi, RunsAModel) {
  const SessionHandle session = session_of(sum_model());
  const ValueHandle x = floats({2, 3}, {1, 2, 3, 4, 5, 6});
  const char* name = "x";
  const kiln_value* inputs[] = {x.get()};
  const auto y = made<ValueHandle>(
      [&](kiln_value** out) { return kiln_session_run(session.get(), &name, inputs, 1, nullptr, 1, out, nullptr); });
  EXPECT_EQ(elements_of(y), (std::vector<float>{2, 4, 6, 5, 7, 9}));
  const int64_t* dims = nullptr;
  size_t rank = 0;
  ASSERT_EQ(kiln_tensor_dims(y.get(), &dims, &rank), KILN_OK);
  EXPECT_EQ(std::vector<int64_t>(dims, dims + rank), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(kiln_value_kind(y.get()), KILN_TENSOR);
  EXPECT_EQ(kiln_session_trim(session.get()), KILN_OK);
}

TEST(CApi, SaysWhatASessionTakesAndGives) {
  const SessionHandle session = session_of(sum_model());
  ASSERT_EQ(kiln_session_input_count(session.get()), 1u);
  EXPECT_EQ(kiln_session_output_count(session.get()), 1u);
  const kiln_port* x = kiln_session_input(session.get(), 0);
  EXPECT_STREQ(kiln_port_name(x), "x");
  EXPECT_STREQ(kiln_port_type(x), "tensor(float)");
  EXPECT_EQ(kiln_port_dtype(x), KILN_F32);
  EXPECT_EQ(kiln_port_rank(x), 2);
  EXPECT_EQ(kiln_port_dim(x, 0), -1);
  EXPECT_STREQ(kiln_port_symbol(x, 0), "batch");
  EXPECT_EQ(kiln_port_dim(x, 1), 3);
  EXPECT_STREQ(kiln_port_symbol(x, 1), "");
  EXPECT_EQ(kiln_port_dim(x, 2), -1);
  EXPECT_FALSE(kiln_port_optional(x));
  EXPECT_EQ(kiln_session_input(session.get(), 1), nullptr);
  EXPECT_STREQ(kiln_port_name(kiln_session_output(session.get(), 0)), "y");
}

TEST(CApi, BorrowsElementsUntilNobodyUsesThem) {
  int released = 0;
  const auto release = [](void* owner) { ++*static_cast<int*>(owner); };
  const std::vector<float> elements{1, 2, 3};
  const int64_t dims[] = {1, 3};
  auto x = made<ValueHandle>([&](kiln_value** out) {
    return kiln_tensor_borrow(KILN_F32, dims, 2, elements.data(), 12, release, &released, out);
  });
  const void* data = nullptr;
  ASSERT_EQ(kiln_tensor_data(x.get(), &data, nullptr), KILN_OK);
  EXPECT_EQ(data, elements.data());
  void* writable = nullptr;
  EXPECT_EQ(kiln_tensor_mutable_data(x.get(), &writable, nullptr), KILN_INVALID_ARGUMENT);
  EXPECT_EQ(released, 0);
  x.reset();
  EXPECT_EQ(released, 1);

  kiln_value* refused = nullptr;
  EXPECT_EQ(kiln_tensor_borrow(KILN_F32, dims, 2, elements.data(), 8, release, &released, &refused),
            KILN_INVALID_ARGUMENT);
  EXPECT_EQ(refused, nullptr);
  EXPECT_EQ(released, 1);
}

TEST(CApi, PassesStringsAndSequences) {
  const SessionHandle session = session_of(text_model());
  const char* texts[] = {"one", "two"};
  const size_t lengths[] = {2, 0};
  const int64_t dims[] = {2};
  const auto a =
      made<ValueHandle>([&](kiln_value** out) { return kiln_tensor_from_strings(texts, nullptr, dims, 1, out); });
  const auto b =
      made<ValueHandle>([&](kiln_value** out) { return kiln_tensor_from_strings(texts, lengths, dims, 1, out); });
  const char* names[] = {"a", "b"};
  const kiln_value* inputs[] = {a.get(), b.get()};
  const char* wanted = "both";
  const auto both = made<ValueHandle>(
      [&](kiln_value** out) { return kiln_session_run(session.get(), names, inputs, 2, &wanted, 1, out, nullptr); });
  size_t size = 0;
  ASSERT_EQ(kiln_sequence_size(both.get(), &size), KILN_OK);
  ASSERT_EQ(size, 2u);
  const auto joined = made<ValueHandle>([&](kiln_value** out) { return kiln_sequence_item(both.get(), 0, out); });
  const char* text = nullptr;
  size_t length = 0;
  ASSERT_EQ(kiln_tensor_string(joined.get(), 0, &text, &length), KILN_OK);
  EXPECT_EQ(std::string(text, length), "oneon");
  ASSERT_EQ(kiln_tensor_string(joined.get(), 1, &text, nullptr), KILN_OK);
  EXPECT_STREQ(text, "two");
  EXPECT_EQ(kiln_tensor_string(joined.get(), 2, &text, nullptr), KILN_INVALID_ARGUMENT);
  kiln_value* item = nullptr;
  EXPECT_EQ(kiln_sequence_item(both.get(), 2, &item), KILN_INVALID_ARGUMENT);
  const void* data = nullptr;
  EXPECT_EQ(kiln_tensor_data(joined.get(), &data, nullptr), KILN_INVALID_ARGUMENT);
}

TEST(CApi, MakesAndReadsMapsAndSequences) {
  const int64_t dims[] = {2};
  const auto keys = made<ValueHandle>([&](kiln_value** out) { return kiln_tensor_create(KILN_I64, dims, 1, out); });
  const ValueHandle values = floats({2}, {3, 4});
  const auto map = made<ValueHandle>([&](kiln_value** out) { return kiln_map_create(keys.get(), values.get(), out); });
  EXPECT_EQ(kiln_value_kind(map.get()), KILN_MAP);
  const auto back = made<ValueHandle>([&](kiln_value** out) { return kiln_map_values(map.get(), out); });
  EXPECT_EQ(elements_of(back), (std::vector<float>{3, 4}));
  const auto back_keys = made<ValueHandle>([&](kiln_value** out) { return kiln_map_keys(map.get(), out); });
  kiln_dtype dtype = KILN_UNDEFINED;
  ASSERT_EQ(kiln_tensor_dtype(back_keys.get(), &dtype), KILN_OK);
  EXPECT_EQ(dtype, KILN_I64);

  const ValueHandle longer = floats({3}, {1, 2, 3});
  kiln_value* refused = nullptr;
  EXPECT_EQ(kiln_map_create(keys.get(), longer.get(), &refused), KILN_INVALID_ARGUMENT);
  EXPECT_EQ(kiln_map_create(values.get(), values.get(), &refused), KILN_INVALID_ARGUMENT);

  const kiln_value* items[] = {map.get(), map.get()};
  const auto sequence =
      made<ValueHandle>([&](kiln_value** out) { return kiln_sequence_create(items, 2, KILN_UNDEFINED, out); });
  size_t size = 0;
  ASSERT_EQ(kiln_sequence_size(sequence.get(), &size), KILN_OK);
  EXPECT_EQ(size, 2u);
  EXPECT_EQ(kiln_sequence_size(map.get(), &size), KILN_INVALID_ARGUMENT);
}

TEST(CApi, TurnsErrorsIntoStatusAndText) {
  kiln_model* model = nullptr;
  EXPECT_EQ(kiln_model_from_memory("nonsense", 8, &model), KILN_INVALID_MODEL);
  EXPECT_STRNE(kiln_last_error(), "");
  EXPECT_EQ(kiln_model_load("/nowhere/model.onnx", &model), KILN_NOT_FOUND);
  EXPECT_NE(std::string(kiln_last_error()).find("/nowhere/model.onnx"), std::string::npos);
  EXPECT_EQ(kiln_model_load(nullptr, &model), KILN_INVALID_ARGUMENT);
  EXPECT_EQ(model, nullptr);

  const int64_t huge[] = {int64_t{1} << 62, 8}, negative[] = {-1};
  kiln_value* tensor = nullptr;
  EXPECT_EQ(kiln_tensor_create(KILN_F32, huge, 2, &tensor), KILN_LIMIT_EXCEEDED);
  EXPECT_EQ(kiln_tensor_create(KILN_F32, negative, 1, &tensor), KILN_INVALID_ARGUMENT);
  EXPECT_EQ(kiln_tensor_create(KILN_UNDEFINED, nullptr, 0, &tensor), KILN_INVALID_ARGUMENT);
  EXPECT_EQ(kiln_tensor_create(static_cast<kiln_dtype>(99), nullptr, 0, &tensor), KILN_INVALID_ARGUMENT);
  EXPECT_EQ(tensor, nullptr);
  EXPECT_EQ(kiln_set_knob("no_such_knob", "1"), KILN_INVALID_ARGUMENT);
  EXPECT_EQ(kiln_load_plugin("/there/is/no/such.so"), KILN_NOT_FOUND);
  EXPECT_EQ(kiln_load_plugin(nullptr), KILN_INVALID_ARGUMENT);
}

TEST(CApi, RefusesASecondSessionOfOneModel) {
  const std::string onnx = sum_model();
  const auto model =
      made<ModelHandle>([&](kiln_model** out) { return kiln_model_from_memory(onnx.data(), onnx.size(), out); });
  const auto session =
      made<SessionHandle>([&](kiln_session** out) { return kiln_session_create(model.get(), 0, out); });
  kiln_session* second = nullptr;
  EXPECT_EQ(kiln_session_create(model.get(), 0, &second), KILN_INVALID_ARGUMENT);
}

TEST(CApi, StopsARun) {
  const SessionHandle session = session_of(sum_model());
  const ValueHandle x = floats({1, 3}, {1, 2, 3});
  using CancelHandle = std::unique_ptr<kiln_cancel, Free>;
  const auto cancel = made<CancelHandle>([](kiln_cancel** out) { return kiln_cancel_create(out); });
  kiln_cancel_set(cancel.get(), true);
  const char* name = "x";
  const kiln_value* inputs[] = {x.get()};
  kiln_value* y = nullptr;
  EXPECT_EQ(kiln_session_run(session.get(), &name, inputs, 1, nullptr, 1, &y, cancel.get()), KILN_CANCELLED);
  EXPECT_EQ(kiln_session_run(session.get(), &name, inputs, 1, nullptr, 2, &y, nullptr), KILN_INVALID_ARGUMENT);
  EXPECT_EQ(y, nullptr);
}

TEST(CApi, EnginesAreBuiltSavedAndLoaded) {
  const ScratchFolder folder;
  const std::string path = folder / "sum.kiln", onnx = sum_model();
  const auto model =
      made<ModelHandle>([&](kiln_model** out) { return kiln_model_from_memory(onnx.data(), onnx.size(), out); });
  const char* names[] = {"tune", "verify", "profile", "profile"};
  const char* values[] = {"off", "false", "x=1x3:8x3:64x3", "x=1000x3"};
  kiln_engine* none = nullptr;
  const char* wrong[] = {"slow", "false"};
  EXPECT_EQ(kiln_engine_build(model.get(), names, wrong, 2, &none), KILN_INVALID_ARGUMENT);
  const char* falling[] = {"off", "false", "x=8x3:1x3:64x3"};
  EXPECT_EQ(kiln_engine_build(model.get(), names, falling, 3, &none), KILN_INVALID_ARGUMENT);
  EXPECT_NE(std::string(kiln_last_error()).find("dim 0 must not fall"), std::string::npos) << kiln_last_error();
  const auto engine =
      made<EngineHandle>([&](kiln_engine** out) { return kiln_engine_build(model.get(), names, values, 4, out); });
  EXPECT_EQ(kiln_engine_save(engine.get(), path.c_str(), false), KILN_OK) << kiln_last_error();
  EXPECT_EQ(Engine::read_info(path).profiles.size(), 2u);
  auto loaded = made<EngineHandle>([&](kiln_engine** out) { return kiln_engine_load(path.c_str(), true, out); });
  const auto session =
      made<SessionHandle>([&](kiln_session** out) { return kiln_session_of_engine(loaded.get(), 0, out); });
  loaded.reset();
  const auto direct = made<SessionHandle>([&](kiln_session** out) { return kiln_session_load(path.c_str(), out); });
  for (const SessionHandle* each : {&session, &direct}) {
    const char* input_names[] = {"x"};
    const ValueHandle x = floats({1, 3}, {1, 1, 1});
    const kiln_value* inputs[] = {x.get()};
    kiln_value* output = nullptr;
    ASSERT_EQ(kiln_session_run(each->get(), input_names, inputs, 1, nullptr, 1, &output, nullptr), KILN_OK)
        << kiln_last_error();
    EXPECT_EQ(elements_of(ValueHandle(output)), (std::vector<float>{2, 3, 4}));
  }
}

}  // namespace
}  // namespace kiln::api_test
