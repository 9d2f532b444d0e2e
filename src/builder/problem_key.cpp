#include "builder/problem_key.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

namespace kiln {
namespace {

/// Tensors up to this size are shapes and axes, which decide what a kernel does.
constexpr int64_t most_elements_told = 64;

std::string told(const Tensor& given) {
  const Tensor tensor = given.is_aligned() ? given : given.clone();
  std::string text;
  for (int64_t i = 0; i < tensor.size(); ++i) {
    const int64_t value = tensor.dtype() == DType::i64 ? tensor.elements<int64_t>()[static_cast<size_t>(i)]
                                                       : tensor.elements<int32_t>()[static_cast<size_t>(i)];
    text += fmt::format("{}{}", i == 0 ? "" : ",", value);
  }
  return text;
}

/// Only letters, digits and the like stay as they are.
std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c > ' ' && c < 127 && c != '%') {
      result += c;
    } else {
      result += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    }
  }
  return result;
}

/// False for content that has no short text.
bool add_attribute(const Attribute& attribute, std::string& text) {
  text += " " + escaped(attribute.name) + "=";
  if (const auto* number = std::get_if<int64_t>(&attribute.data)) {
    text += fmt::format("{}", *number);
  } else if (const auto* real = std::get_if<float>(&attribute.data)) {
    text += fmt::format("{}", *real);
  } else if (const auto* word = std::get_if<std::string>(&attribute.data)) {
    text += escaped(*word);
  } else if (const auto* numbers = std::get_if<std::vector<int64_t>>(&attribute.data)) {
    text += fmt::format("{}", fmt::join(*numbers, ","));
  } else if (const auto* reals = std::get_if<std::vector<float>>(&attribute.data)) {
    text += fmt::format("{}", fmt::join(*reals, ","));
  } else if (const auto* words = std::get_if<std::vector<std::string>>(&attribute.data)) {
    for (const std::string& item : *words) text += escaped(item) + ",";
  } else {
    return false;
  }
  return true;
}

std::string spec_text(const TensorSpec& spec) {
  if (!spec.is_given()) return "-";
  std::string text = fmt::format("{}[{}]", dtype_name(spec.dtype), fmt::join(spec.shape, ","));
  if (spec.constant == nullptr) return text;
  const bool told_here =
      (spec.dtype == DType::i64 || spec.dtype == DType::i32) && spec.constant->size() <= most_elements_told;
  return text + (told_here ? "=" + told(*spec.constant) : "=const");
}

}  // namespace

std::string problem_key(const Problem& problem) {
  std::string text;
  std::map<ValueId, int> numbers;
  const auto number = [&](ValueId id) {
    return id == no_value ? -1 : numbers.emplace(id, static_cast<int>(numbers.size())).first->second;
  };
  for (ValueId id : problem.group->inputs) number(id);
  for (const Node* node : problem.nodes) {
    text += escaped(node->op_type);
    std::vector<const Attribute*> attributes;
    for (const Attribute& attribute : node->attributes) attributes.push_back(&attribute);
    std::sort(attributes.begin(), attributes.end(),
              [](const Attribute* a, const Attribute* b) { return a->name < b->name; });
    for (const Attribute* attribute : attributes) {
      if (!add_attribute(*attribute, text)) return "";
    }
    text += "(";
    for (ValueId id : node->inputs) text += fmt::format("{} ", number(id));
    text += ">";
    for (ValueId id : node->outputs) text += fmt::format(" {}", number(id));
    text += ") ";
  }
  const Group& group = *problem.group;
  text +=
      fmt::format("since={} epilogue={},{},{},{}", problem.schema->since, static_cast<int>(group.epilogue.activation),
                  static_cast<int>(group.epilogue.residual), group.residual, group.turned);
  for (const TensorSpec& input : problem.inputs) text += " " + spec_text(input);
  text += " >";
  for (const TensorSpec& output : problem.outputs) text += " " + spec_text(output);
  return text;
}

std::string formats_text(const Formats& formats) {
  std::string text;
  for (const Format f : formats.inputs) text += f == Format::plain ? 'p' : 'b';
  text += '>';
  for (const Format f : formats.outputs) text += f == Format::plain ? 'p' : 'b';
  return text;
}

}  // namespace kiln
