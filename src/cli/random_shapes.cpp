#include "cli/random_shapes.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "cli/shape_options.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {
namespace {

constexpr std::string_view word = "random:";

int64_t take_number(std::string_view& text, std::string_view all) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) {
    fail_usage("--shapes {}: expected ranges like random:96..608/32,96..608/32", all);
  }
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return number;
}

bool skip(std::string_view& text, std::string_view what) {
  if (!text.starts_with(what)) return false;
  text.remove_prefix(what.size());
  return true;
}

std::vector<DimRange> parse_ranges(std::string_view text, std::string_view all) {
  std::vector<DimRange> ranges;
  do {
    DimRange range;
    range.first = range.last = take_number(text, all);
    if (skip(text, "..")) range.last = take_number(text, all);
    if (skip(text, "/")) range.step = take_number(text, all);
    if (range.last < range.first || range.step < 1) {
      fail_usage("--shapes {}: {}..{}/{} holds no number", all, range.first, range.last, range.step);
    }
    ranges.push_back(range);
  } while (skip(text, ",") || skip(text, "x"));
  if (!text.empty()) fail_usage("--shapes {}: expected ranges like random:96..608/32,96..608/32", all);
  return ranges;
}

std::string text_of(const DimRange& range) {
  if (range.first == range.last) return std::to_string(range.first);
  const std::string step = range.step == 1 ? "" : fmt::format("/{}", range.step);
  return fmt::format("{}..{}{}", range.first, range.last, step);
}

}  // namespace

bool is_random_shapes(std::string_view text) {
  const size_t equals = text.rfind('=');
  return (equals == std::string_view::npos ? text : text.substr(equals + 1)).starts_with(word);
}

RandomShapes::RandomShapes(const std::vector<PortInfo>& ports, const std::string& text,
                           const std::vector<std::string>& options, uint64_t seed)
    : random_(seed, 77) {
  const size_t equals = text.rfind('=');
  const std::string name = equals == std::string::npos ? "" : text.substr(0, equals);
  const size_t begin = (equals == std::string::npos ? 0 : equals + 1) + word.size();
  ranges_ = parse_ranges(std::string_view(text).substr(begin), text);
  base_ = bind_ports(ports, options, {}).shapes;
  choose(ports, name);
}

void RandomShapes::choose(const std::vector<PortInfo>& ports, const std::string& name) {
  std::vector<Open> open;
  std::map<std::string, size_t> by_symbol;
  std::vector<std::string> dynamic;
  bool is_known = name.empty();
  for (const PortInfo& port : ports) {
    is_known = is_known || port.name == name;
    if ((!name.empty() && port.name != name) || (name.empty() && port.optional)) continue;
    for (size_t axis = 0; axis < port.shape.size(); ++axis) {
      const PortDim& dim = port.shape[axis];
      if (dim.value >= 0) continue;
      if (dynamic.empty() || dynamic.back() != port.name) dynamic.push_back(port.name);
      const auto known = dim.symbol.empty() ? by_symbol.end() : by_symbol.find(dim.symbol);
      if (known == by_symbol.end()) {
        if (!dim.symbol.empty()) by_symbol[dim.symbol] = open.size();
        open.push_back({{{port.name, axis}}});
      } else {
        open[known->second].places.push_back({port.name, axis});
      }
    }
  }
  if (!is_known) fail_usage("--shapes {}=random: the model has no input of this name", name);
  if (dynamic.empty()) {
    fail_usage("--shapes random: {} no open dim", name.empty() ? "the model's inputs have" : "'" + name + "' has");
  }
  if (open.size() < ranges_.size()) {
    fail_usage("--shapes random: {} ranges are given for {} open dims", ranges_.size(), open.size());
  }
  if (dynamic.size() > 1 && open.size() != ranges_.size()) {
    std::string names;
    for (const std::string& one : dynamic) names += (names.empty() ? "'" : ", '") + one + "'";
    fail_usage("--shapes random: {} have {} open dims together, found {} ranges; say which input: NAME=random:...",
               names, open.size(), ranges_.size());
  }
  drawn_.assign(open.end() - static_cast<std::ptrdiff_t>(ranges_.size()), open.end());
}

std::vector<int64_t> RandomShapes::draw() {
  std::vector<int64_t> dims;
  for (const DimRange& range : ranges_) {
    const auto count = static_cast<uint64_t>((range.last - range.first) / range.step + 1);
    dims.push_back(range.first + range.step * static_cast<int64_t>(random_.below(count)));
  }
  return dims;
}

std::vector<int64_t> RandomShapes::largest() const {
  std::vector<int64_t> dims;
  for (const DimRange& range : ranges_) dims.push_back(range.last - (range.last - range.first) % range.step);
  return dims;
}

std::map<std::string, Shape> RandomShapes::shapes(const std::vector<int64_t>& drawn) const {
  std::map<std::string, Shape> shapes = base_;
  for (size_t i = 0; i < drawn_.size(); ++i) {
    for (const Place& place : drawn_[i].places) shapes.at(place.input).at(place.axis) = drawn[i];
  }
  return shapes;
}

std::string RandomShapes::describe(const std::string& input) const {
  std::string text;
  const Shape& base = base_.at(input);
  for (size_t axis = 0; axis < base.size(); ++axis) {
    std::string dim = std::to_string(base[axis]);
    for (size_t i = 0; i < drawn_.size(); ++i) {
      for (const Place& place : drawn_[i].places) {
        if (place.input == input && place.axis == axis) dim = text_of(ranges_[i]);
      }
    }
    text += (text.empty() ? "" : ",") + dim;
  }
  return "[" + text + "]";
}

}  // namespace kiln::cli
