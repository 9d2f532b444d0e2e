#include "ops/custom.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "ops/context.hpp"

namespace kiln {
namespace {

CustomOpDef op_with(std::string signature, std::string attributes, std::string types) {
  return {.domain = "tests",
          .name = "WithTexts",
          .signature = std::move(signature),
          .attributes = std::move(attributes),
          .types = std::move(types),
          .eval = [](EvalContext&) {}};
}

TEST(CustomOpDef, TakesTextsOfSchemas) {
  register_custom_op(op_with("X:T Xs~0:T -> Y:T M:map(string,f32)",
                             "a!:int b:float=-1.5e-3 c:ints=[1, 2] d:strings=['a b',c] e:string='' f:floats=[]",
                             "T=f32,seq(f32)"));
  const std::span<const Schema> schemas = custom_schemas("tests", "WithTexts");
  ASSERT_EQ(schemas.size(), 1u);
  const Schema& schema = schemas[0];
  EXPECT_EQ(schema.inputs.at(1).min_arity, 0);
  EXPECT_EQ(schema.outputs.at(1).type, "map(string,tensor(float))");
  EXPECT_TRUE(schema.find_attribute("a")->required);
  EXPECT_EQ(std::get<float>(schema.find_attribute("b")->default_value.data), -1.5e-3f);
  EXPECT_EQ(std::get<std::vector<int64_t>>(schema.find_attribute("c")->default_value.data),
            (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(std::get<std::vector<std::string>>(schema.find_attribute("d")->default_value.data),
            (std::vector<std::string>{"a b", "c"}));
  EXPECT_EQ(std::get<std::string>(schema.find_attribute("e")->default_value.data), "");
  EXPECT_TRUE(std::get<std::vector<float>>(schema.find_attribute("f")->default_value.data).empty());
}

TEST(CustomOpDef, RefusesTextsThatAreNone) {
  const auto expect_refused = [](const char* signature, const char* attributes, const char* types) {
    try {
      register_custom_op(op_with(signature, attributes, types));
      FAIL() << signature << " | " << attributes << " | " << types;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument) << error.what();
    }
  };
  for (const char* signature :
       {"X", "X -> Y", "X:T -> Y:none", "X:T Xs~many:T -> Y:T", "X:T Xs*-1:T -> Y:T", "X:T Xs*99999999999:T -> Y:T",
        "X:map(none,f32) -> Y:T", "X:map( -> Y:T", "X:seq( ->"}) {
    expect_refused(signature, "", "T=f32");
  }
  for (const char* attributes :
       {"a", "a:none", "a:int=[]", "a:float=[1,2]", "a:string=[]", "a:int=", "a:int=1.5", "a:int=99999999999999999999",
        "a:ints=[1", "a:ints=[1,x]", "a:floats=['']", "a:float=x", "a:tensor=1", "a:graph=1"}) {
    expect_refused("X:T -> Y:T", attributes, "T=f32");
  }
  for (const char* types : {"T", "T=", "T=none", "T=seq(", "T=optional(none)", "T=f32 S"}) {
    expect_refused("X:T -> Y:T", "", types);
  }
}

}  // namespace
}  // namespace kiln
