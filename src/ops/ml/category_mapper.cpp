#include <map>
#include <string_view>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText category_mapper_versions[] = {
    {1, "X:T1 -> Y:T2", "cats_int64s:ints cats_strings:strings default_int64:int=-1 default_string:string=_Unused",
     "T1=string,i64 T2=string,i64"},
};

void infer_category_mapper(InferContext& c) {
  Type type = c.type(0);
  if (type.is_tensor()) type.dtype = type.dtype == DType::string ? DType::i64 : DType::string;
  c.set_output(0, std::move(type));
}

void eval_category_mapper(EvalContext& c) {
  const auto strings = c.attr_strings("cats_strings");
  const auto ints = c.attr_ints("cats_int64s");
  if (strings.size() != ints.size()) {
    fail(ErrorCode::invalid_model, "cats_strings has {} elements and cats_int64s {}", strings.size(), ints.size());
  }
  const Tensor& input = c.input(0);
  if (input.dtype() == DType::string) {
    std::map<std::string_view, int64_t> numbers;
    for (size_t i = 0; i < ints.size(); ++i) numbers[strings[i]] = ints[i];
    int64_t* to = c.output(0, DType::i64, input.shape()).mutable_data<int64_t>();
    for (const std::string& element : input.elements<std::string>()) {
      const auto found = numbers.find(element);
      *to++ = found == numbers.end() ? c.attr_int("default_int64") : found->second;
    }
  } else {
    std::map<int64_t, const std::string*> names;
    for (size_t i = 0; i < ints.size(); ++i) names[ints[i]] = &strings[i];
    std::string* to = c.output(0, DType::string, input.shape()).mutable_data<std::string>();
    for (int64_t element : input.elements<int64_t>()) {
      const auto found = names.find(element);
      *to++ = found == names.end() ? c.attr_string("default_string") : *found->second;
    }
  }
}

}  // namespace

extern const OpDef category_mapper_op{"ai.onnx.ml", "CategoryMapper", category_mapper_versions, infer_category_mapper,
                                      eval_category_mapper};

}  // namespace kiln::ops
