#include "ops/support/einsum_equation.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "base/error.hpp"

namespace kiln::ops {

namespace {

constexpr char ellipsis = '.';

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// The letters of a term, with one '.' for the ellipsis.
std::string read_term(std::string_view text) {
  std::string term;
  for (size_t i = 0; i < text.size(); ++i) {
    if (is_letter(text[i])) {
      term += text[i];
    } else if (text.substr(i).starts_with("...") && term.find(ellipsis) == std::string::npos) {
      term += ellipsis;
      i += 2;
    } else {
      fail(ErrorCode::invalid_model, "the term '{}' of the equation is not made of letters and one ellipsis", text);
    }
  }
  return term;
}

std::vector<std::string> read_terms(std::string_view text) {
  std::vector<std::string> terms;
  for (size_t comma = text.find(','); comma != std::string_view::npos; comma = text.find(',')) {
    terms.push_back(read_term(text.substr(0, comma)));
    text.remove_prefix(comma + 1);
  }
  terms.push_back(read_term(text));
  return terms;
}

/// The output when the equation does not say: the ellipsis, then each letter that occurs once.
std::string implicit_output(const std::vector<std::string>& terms) {
  std::map<char, int> occurrences;
  for (const std::string& term : terms) {
    for (const char c : term) ++occurrences[c];
  }
  std::string output;
  for (const auto& [c, count] : occurrences) {
    if (c == ellipsis || count == 1) output += c;  // '.' sorts before the letters
  }
  return output;
}

/// The number of axes that the ellipsis stands for in all terms that have one.
size_t count_ellipsis_axes(const std::vector<std::string>& terms, const std::vector<size_t>& ranks) {
  std::optional<size_t> axes;
  for (size_t i = 0; i < terms.size(); ++i) {
    const bool open = terms[i].find(ellipsis) != std::string::npos;
    const size_t letters = terms[i].size() - (open ? 1 : 0);
    if (ranks[i] < letters || (!open && ranks[i] != letters)) {
      fail(ErrorCode::invalid_argument, "operand {} has {} axes, but its term '{}' has {} letters", i, ranks[i],
           terms[i], letters);
    }
    if (!open) continue;
    if (axes && *axes != ranks[i] - letters) {
      fail(ErrorCode::invalid_argument, "the ellipsis stands for {} axes and for {} axes", *axes, ranks[i] - letters);
    }
    axes = ranks[i] - letters;
  }
  return axes.value_or(0);
}

}  // namespace

EinsumEquation::EinsumEquation(std::string_view text, const std::vector<size_t>& ranks) {
  std::string dense(text);
  std::erase(dense, ' ');
  const size_t arrow = dense.find("->");
  const std::vector<std::string> terms = read_terms(std::string_view(dense).substr(0, arrow));
  if (terms.size() != ranks.size()) {
    fail(ErrorCode::invalid_argument, "the equation '{}' is for {} operands, found {}", text, terms.size(),
         ranks.size());
  }
  const std::string result =
      arrow == std::string::npos ? implicit_output(terms) : read_term(std::string_view(dense).substr(arrow + 2));
  ellipsis_axes_ = static_cast<int>(count_ellipsis_axes(terms, ranks));
  std::map<char, int> labels;
  for (const std::string& term : terms) {
    for (const char c : term) labels[c] = 0;
  }
  label_count = ellipsis_axes_;
  for (auto& [c, label] : labels) {
    if (c != ellipsis) label = label_count++;
  }
  const auto append = [&](const std::string& term, std::vector<int>& to) {
    for (const char c : term) {
      if (c == ellipsis) {
        for (int axis = 0; axis < ellipsis_axes_; ++axis) to.push_back(axis);
      } else {
        to.push_back(labels.at(c));
      }
    }
  };
  for (const std::string& term : terms) append(term, inputs.emplace_back());
  for (const char c : result) {
    if (c != ellipsis && !labels.contains(c)) {
      fail(ErrorCode::invalid_model, "the output of the equation '{}' has the label '{}', which no input has", text, c);
    }
    if (std::count(result.begin(), result.end(), c) > 1) {
      fail(ErrorCode::invalid_model, "the output of the equation '{}' has the label '{}' twice", text, c);
    }
  }
  append(result, output);
}

}  // namespace kiln::ops
