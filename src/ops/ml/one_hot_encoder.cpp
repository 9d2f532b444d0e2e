#include <algorithm>
#include <limits>
#include <map>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText one_hot_encoder_versions[] = {
    {1, "X:T -> Y:f32", "cats_int64s:ints cats_strings:strings zeros:int=1", "T=string,i64,i32,f32,f64"},
};

int64_t category_count(const NodeView& node) {
  const size_t strings = node.attr_strings("cats_strings").size();
  const size_t ints = node.attr_ints("cats_int64s").size();
  if ((strings == 0) == (ints == 0)) {
    fail(ErrorCode::invalid_model, "exactly one of cats_strings and cats_int64s must be given");
  }
  return static_cast<int64_t>(strings + ints);
}

void infer_one_hot_encoder(InferContext& c) {
  const int64_t count = category_count(c);
  if (!c.shape(0)) return c.set_output(0, DType::f32);
  SymShape shape = *c.shape(0);
  shape.emplace_back(count);
  c.set_output(0, DType::f32, shape);
}

template <class Element, class Category>
void encode(EvalContext& c, std::span<const Category> categories) {
  std::map<Category, size_t> places;
  for (size_t i = 0; i < categories.size(); ++i) places[categories[i]] = i;
  const Tensor& input = c.input(0);
  Shape shape = input.shape();
  shape.push_back(static_cast<int64_t>(categories.size()));
  Tensor& output = c.output(0, DType::f32, shape);
  float* to = output.mutable_data<float>();
  std::fill_n(to, output.size(), 0.0F);
  const bool allows_unknown = c.attr_int("zeros") != 0;
  for (const Element& element : input.elements<Element>()) {
    Category category;
    if constexpr (std::is_floating_point_v<Element>) {
      // What no i64 can hold is no category.
      const bool fits = element > -9.2e18 && element < 9.2e18;
      category = fits ? static_cast<Category>(element) : std::numeric_limits<Category>::min();
    } else {
      category = element;
    }
    const auto place = places.find(category);
    if (place != places.end()) {
      to[place->second] = 1;
    } else if (!allows_unknown) {
      fail(ErrorCode::invalid_argument, "an element is of no known category, and zeros is 0");
    }
    to += categories.size();
  }
}

void eval_one_hot_encoder(EvalContext& c) {
  category_count(c);
  const auto strings = c.attr_strings("cats_strings");
  const DType dtype = c.input(0).dtype();
  if (strings.empty() == (dtype == DType::string)) {
    fail(ErrorCode::invalid_model, "the input is of type {}, and the categories are {}", dtype_name(dtype),
         strings.empty() ? "integers" : "strings");
  }
  if (dtype == DType::string) return encode<std::string, std::string>(c, strings);
  dispatch(Types<int64_t, int32_t, float, double>{}, dtype,
           [&]<class T>() { encode<T, int64_t>(c, c.attr_ints("cats_int64s")); });
}

}  // namespace

extern const OpDef one_hot_encoder_op{"ai.onnx.ml", "OneHotEncoder", one_hot_encoder_versions, infer_one_hot_encoder,
                                      eval_one_hot_encoder};

}  // namespace kiln::ops
