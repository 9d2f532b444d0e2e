#include <re2/re2.h>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText regex_full_match_versions[] = {
    {20, "X:T1 -> Y:T2", "pattern:string", "T1=string T2=bool"},
};

void infer_regex_full_match(InferContext& c) {
  c.set_output(0, DType::boolean, c.shape(0) ? std::optional(*c.shape(0)) : std::nullopt);
}

void eval_regex_full_match(EvalContext& c) {
  RE2::Options options;
  options.set_log_errors(false);
  const std::string& pattern = c.attr_string("pattern");
  const RE2 expression(pattern, options);
  if (!expression.ok()) {
    fail(ErrorCode::invalid_argument, "pattern '{}' is no regular expression: {}", pattern, expression.error());
  }
  const Tensor& input = c.input(0);
  bool* to = c.output(0, DType::boolean, input.shape()).mutable_data<bool>();
  const std::string* text = input.data<std::string>();
  c.parallel_for(input.size(), 256, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) to[i] = RE2::FullMatch(text[i], expression);
  });
}

}  // namespace

extern const OpDef regex_full_match_op{"", "RegexFullMatch", regex_full_match_versions, infer_regex_full_match,
                                       eval_regex_full_match};

}  // namespace kiln::ops
