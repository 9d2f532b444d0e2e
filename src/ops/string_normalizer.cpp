#include <unordered_set>

#include "base/case_mapping.hpp"
#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText string_normalizer_versions[] = {
    {10, "X:string -> Y:string",
     "case_change_action:string=NONE is_case_sensitive:int=0 locale:string stopwords:strings"},
};

enum class Case { keep, lower, upper };

Case case_of(const NodeView& node) {
  const std::string& action = node.attr_string("case_change_action");
  if (action == "NONE") return Case::keep;
  if (action == "LOWER") return Case::lower;
  if (action == "UPPER") return Case::upper;
  fail(ErrorCode::invalid_argument, "attribute 'case_change_action' is '{}', expected NONE, LOWER or UPPER", action);
}

[[noreturn]] void fail_shape(const std::string& shape) {
  fail(ErrorCode::invalid_argument, "the input must be of shape [C] or [1,C], found {}", shape);
}

void infer_string_normalizer(InferContext& c) {
  case_of(c);
  const SymShape* shape = c.shape(0);
  if (!shape) return c.set_output(0, DType::string);
  if (shape->size() == 1) return c.set_output(0, DType::string, SymShape(1));
  const bool row = shape->size() == 2 && (!shape->front().is_known() || shape->front().value() == 1);
  if (!row) fail_shape(to_string(*shape));
  c.set_output(0, DType::string, SymShape{Dim(1), Dim()});
}

/// Case is folded without regard to attribute `locale`, so that a model gives one result on all machines.
void eval_string_normalizer(EvalContext& c) {
  const Tensor& input = c.input(0);
  const bool row = input.rank() == 2 && input.dim(0) == 1;
  if (input.rank() != 1 && !row) fail_shape(to_string(input.shape()));
  const Case action = case_of(c);
  const bool exact = c.attr_int("is_case_sensitive") != 0;
  std::unordered_set<std::string> stop;
  for (const std::string& word : c.attr_strings("stopwords")) stop.insert(exact ? word : to_lower(word));
  std::vector<std::string> kept;
  for (const std::string& word : input.elements<std::string>()) {
    stop_point();
    if (!stop.empty() && stop.count(exact ? word : to_lower(word)) > 0) continue;
    kept.push_back(action == Case::lower ? to_lower(word) : action == Case::upper ? to_upper(word) : word);
  }
  if (kept.empty()) kept.emplace_back();
  const auto count = static_cast<int64_t>(kept.size());
  const Tensor words = Tensor::vector(kept);
  c.set_output(0, row ? words.reshaped({1, count}) : words);
}

}  // namespace

extern const OpDef string_normalizer_op{"", "StringNormalizer", string_normalizer_versions, infer_string_normalizer,
                                        eval_string_normalizer};

}  // namespace kiln::ops
