#include <algorithm>
#include <limits>
#include <string_view>

#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/infer.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText string_split_versions[] = {
    {20, "X:T1 -> Y:T2 Z:T3", "delimiter:string maxsplit:int", "T1=string T2=string T3=i64"},
};

using Parts = std::vector<std::string_view>;

/// The bytes that the white space at `at` takes in UTF-8 (all that Unicode calls so); 0 where there is none.
size_t space_at(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return at + i < text.size() ? static_cast<uint8_t>(text[at + i]) : 0; };
  const int a = byte(0), b = byte(1), c = byte(2);
  if ((a >= 0x09 && a <= 0x0d) || (a >= 0x1c && a <= 0x20)) return 1;
  if (a == 0xc2 && (b == 0x85 || b == 0xa0)) return 2;
  const bool three = (a == 0xe1 && b == 0x9a && c == 0x80) || (a == 0xe3 && b == 0x80 && c == 0x80) ||
                     (a == 0xe2 && b == 0x81 && c == 0x9f) ||
                     (a == 0xe2 && b == 0x80 && ((c >= 0x80 && c <= 0x8a) || c == 0xa8 || c == 0xa9 || c == 0xaf));
  return three ? 3 : 0;
}

/// Runs of white space separate; what is left after the last allowed split keeps its own, except in front.
Parts split_at_spaces(std::string_view text, int64_t most) {
  Parts parts;
  size_t at = 0;
  const auto skip_spaces = [&] {
    while (at < text.size()) {
      const size_t length = space_at(text, at);
      if (length == 0) break;
      at += length;
    }
  };
  for (skip_spaces(); at < text.size(); skip_spaces()) {
    const size_t begin = at;
    if (static_cast<int64_t>(parts.size()) == most) {
      parts.push_back(text.substr(begin));
      break;
    }
    while (at < text.size() && space_at(text, at) == 0) ++at;
    parts.push_back(text.substr(begin, at - begin));
  }
  return parts;
}

Parts split_at(std::string_view text, std::string_view delimiter, int64_t most) {
  Parts parts;
  size_t at = 0;
  while (static_cast<int64_t>(parts.size()) < most) {
    const size_t found = text.find(delimiter, at);
    if (found == std::string_view::npos) break;
    parts.push_back(text.substr(at, found - at));
    at = found + delimiter.size();
  }
  parts.push_back(text.substr(at));
  return parts;
}

void infer_string_split(InferContext& c) {
  const SymShape* input = c.shape(0);
  std::optional<SymShape> counts, parts;
  if (input) {
    counts = *input;
    parts = *input;
    parts->emplace_back();
  }
  c.set_output(0, DType::string, parts);
  c.set_output(1, DType::i64, counts);
}

void eval_string_split(EvalContext& c) {
  const Tensor& input = c.input(0);
  const std::string delimiter = c.attr_string("delimiter", "");
  int64_t most = c.attr_int("maxsplit", -1);
  if (most < 0) most = std::numeric_limits<int64_t>::max();
  std::vector<Parts> all;
  size_t longest = 0;
  for (const std::string& text : input.elements<std::string>()) {
    stop_point();
    all.push_back(delimiter.empty() ? split_at_spaces(text, most) : split_at(text, delimiter, most));
    longest = std::max(longest, all.back().size());
  }
  Shape shape = input.shape();
  shape.push_back(static_cast<int64_t>(longest));
  if (c.wants_output(0)) {
    std::string* to = c.output(0, DType::string, shape).mutable_data<std::string>();
    for (size_t i = 0; i < all.size(); ++i, stop_point()) {
      for (size_t j = 0; j < longest; ++j) to[i * longest + j] = j < all[i].size() ? all[i][j] : std::string_view();
    }
  }
  if (c.wants_output(1)) {
    int64_t* counts = c.output(1, DType::i64, input.shape()).mutable_data<int64_t>();
    for (size_t i = 0; i < all.size(); ++i) counts[i] = static_cast<int64_t>(all[i].size());
  }
}

}  // namespace

extern const OpDef string_split_op{"", "StringSplit", string_split_versions, infer_string_split, eval_string_split};

}  // namespace kiln::ops
