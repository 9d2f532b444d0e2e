#include "builder/profiles.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "base/error.hpp"

namespace kiln {
namespace {

constexpr int64_t any = -1;
constexpr int64_t most_dim = int64_t{1} << 40;

constexpr std::string_view forms =
    "expected NAME=LEAST:TYPICAL:LARGEST (x=1x3x32x32:1x3x640x640:1x3x4096x4096), one shape, or [1,3,960:1200,..]";

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find_first_of(separators, at), text.size());
    parts.push_back(trimmed(text.substr(at, end - at)));
    at = end + 1;
  }
  return parts;
}

/// The numbers of a dim's range: "32, then 640".
std::string dims_text(int64_t low, int64_t middle, int64_t high) {
  std::string text;
  for (const int64_t dim : {low, middle, high}) {
    if (dim != any) text += (text.empty() ? "" : ", then ") + std::to_string(dim);
  }
  return text;
}

bool rises(int64_t low, int64_t middle, int64_t high) {
  const auto in_order = [](int64_t a, int64_t b) { return a == any || b == any || a <= b; };
  return in_order(low, middle) && in_order(middle, high) && in_order(low, high);
}

std::string fall_text(size_t dim, int64_t low, int64_t middle, int64_t high) {
  return fmt::format("dim {} must not fall from the least shape to the largest: found {}", dim,
                     dims_text(low, middle, high));
}

/// Reads the ranges of one input; all messages begin with the text of it.
class RangeReader {
 public:
  explicit RangeReader(std::string_view whole) : whole_(whole) {}

  ShapeRange read(std::string_view text) const {
    if (!text.empty() && text.front() == '[') return by_dims(text);
    std::vector<Shape> shapes;
    for (std::string_view part : split(text, ":")) shapes.push_back(shape(part));
    if (shapes.size() == 1) return {shapes[0], shapes[0], shapes[0]};
    if (shapes.size() != 3) wrong("found {} shapes, expected 1 or 3; ranges of dims stand in [ ]", shapes.size());
    const ShapeRange range{shapes[0], shapes[1], shapes[2]};
    if (range.least.size() != range.typical.size() || range.largest.size() != range.typical.size()) {
      wrong("found shapes of {}, {} and {} dims", range.least.size(), range.typical.size(), range.largest.size());
    }
    check(range);
    return range;
  }

  template <class... Args>
  [[noreturn]] void wrong(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::invalid_argument, "profile '{}': {}; {}", whole_,
         fmt::vformat(format, fmt::make_format_args(args...)), forms);
  }

 private:
  int64_t number(std::string_view text) const {
    int64_t dim = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), dim);
    if (text.empty() || error != std::errc() || end != text.data() + text.size() || dim < 0 || dim > most_dim) {
      wrong("'{}' is no dim", text);
    }
    return dim;
  }

  Shape shape(std::string_view text) const {
    Shape dims;
    if (text.empty()) wrong("a shape is missing");
    for (std::string_view part : split(text, "x,")) {
      dims.push_back(part == "?" || part == "-1" || part == ".." ? any : number(part));
    }
    return dims;
  }

  /// "[1,3,960:1200,..]"
  ShapeRange by_dims(std::string_view text) const {
    if (text.back() != ']') wrong("there is no ']' at the end");
    ShapeRange range;
    const std::string_view inside = trimmed(text.substr(1, text.size() - 2));
    for (std::string_view part : inside.empty() ? std::vector<std::string_view>() : split(inside, ",")) {
      int64_t low = any, high = any;
      const size_t dots = part.find(".."), colon = part.find(':');
      if (part == "?" || part == "-1") {
      } else if (dots != std::string_view::npos || colon != std::string_view::npos) {
        const size_t at = std::min(dots, colon), width = at == dots ? 2 : 1;
        const std::string_view before = trimmed(part.substr(0, at)), after = trimmed(part.substr(at + width));
        if (!before.empty()) low = number(before);
        if (!after.empty()) high = number(after);
      } else {
        low = high = number(part);
      }
      range.least.push_back(low);
      range.largest.push_back(high);
      range.typical.push_back(low == high ? low : any);
    }
    check(range);
    return range;
  }

  void check(const ShapeRange& range) const {
    for (size_t i = 0; i < range.typical.size(); ++i) {
      const int64_t low = range.least[i], middle = range.typical[i], high = range.largest[i];
      if (!rises(low, middle, high)) wrong("{}", fall_text(i, low, middle, high));
    }
  }

  std::string_view whole_;
};

void add(std::vector<Profile>& profiles, const std::string& name, ShapeRange range) {
  auto free =
      std::find_if(profiles.begin(), profiles.end(), [&](const Profile& profile) { return !profile.contains(name); });
  if (free == profiles.end()) free = profiles.insert(profiles.end(), Profile());
  free->emplace(name, std::move(range));
}

std::string shape_text(const Shape& shape) {
  std::string text;
  for (int64_t dim : shape) text += (text.empty() ? "" : "x") + (dim == any ? "?" : std::to_string(dim));
  return text;
}

/// The one input that a range without a name is for.
const std::string& only_input(const std::vector<Port>& inputs) {
  const Port* only = nullptr;
  for (const Port& input : inputs) {
    if (input.optional) continue;
    if (only != nullptr) {
      fail(ErrorCode::invalid_argument, "profile: the model has the inputs {}: say which is meant", names_of(inputs));
    }
    only = &input;
  }
  if (only == nullptr) fail(ErrorCode::invalid_argument, "profile: the model has no inputs");
  return only->name;
}

/// Holds a range against what the model says of an input.
void check_range(const Port& input, const ShapeRange& range) {
  if (range.least.size() != range.typical.size() || range.largest.size() != range.typical.size()) {
    fail(ErrorCode::invalid_argument, "profile of input '{}': found shapes of {}, {} and {} dims", input.name,
         range.least.size(), range.typical.size(), range.largest.size());
  }
  for (size_t i = 0; i < range.typical.size(); ++i) {
    const int64_t low = range.least[i], middle = range.typical[i], high = range.largest[i];
    if (const auto [least, most] = std::minmax({low, middle, high}); least < any || most > most_dim) {
      fail(ErrorCode::invalid_argument, "profile of input '{}': dim {} cannot be {}", input.name, i,
           least < any ? least : most);
    }
    if (!rises(low, middle, high)) {
      fail(ErrorCode::invalid_argument, "profile of input '{}': {}", input.name, fall_text(i, low, middle, high));
    }
  }
  if (!input.type.is_tensor()) {
    fail(ErrorCode::invalid_argument, "profile of input '{}': it is a {} and has no shape", input.name,
         input.type.str());
  }
  if (!input.type.shape) return;
  const SymShape& shape = *input.type.shape;
  if (shape.size() != range.typical.size()) {
    fail(ErrorCode::invalid_argument, "profile of input '{}': found {} dims, expected {} as in {}", input.name,
         range.typical.size(), shape.size(), to_string(shape));
  }
  for (const Shape* dims : {&range.least, &range.typical, &range.largest}) {
    for (size_t i = 0; i < shape.size(); ++i) {
      const int64_t dim = (*dims)[i];
      if (dim == any || !shape[i].is_known() || shape[i].value() == dim) continue;
      fail(ErrorCode::invalid_argument, "profile of input '{}': found {} for dim {}, which is always {}", input.name,
           dim, i, shape[i].value());
    }
  }
}

/// Inputs that share a dim must have the same range for it.
void check_symbols(const Profile& profile, const std::vector<Port>& inputs) {
  struct Said {
    std::string input;
    int64_t least, typical, largest;
  };
  std::map<std::string, Said> said;
  for (const Port& input : inputs) {
    const auto range = profile.find(input.name);
    if (range == profile.end() || !input.type.shape) continue;
    for (size_t i = 0; i < input.type.shape->size(); ++i) {
      const Dim& dim = (*input.type.shape)[i];
      if (!dim.is_symbolic()) continue;
      const ShapeRange& r = range->second;
      const auto [place, is_new] =
          said.try_emplace(dim.str(), Said{input.name, r.least[i], r.typical[i], r.largest[i]});
      const Said& before = place->second;
      if (is_new || (before.least == r.least[i] && before.typical == r.typical[i] && before.largest == r.largest[i])) {
        continue;
      }
      fail(ErrorCode::invalid_argument,
           "profile: inputs '{}' and '{}' share the dim '{}', but have other ranges for it", before.input, input.name,
           dim.str());
    }
  }
}

}  // namespace

void add_profiles(std::vector<Profile>& profiles, std::string_view text) {
  for (const std::string_view part : split(text, ";")) {
    const RangeReader reader(part);
    if (part.empty()) reader.wrong("nothing is said");
    // A name may hold an equals sign or a colon, a shape has no equals sign.
    const size_t equals = part.rfind('='), bracket = part.rfind('[');
    std::string_view name, range = part;
    if (equals != std::string_view::npos) {
      name = trimmed(part.substr(0, equals)), range = trimmed(part.substr(equals + 1));
      if (name.empty()) reader.wrong("there is no name before '='");
    } else if (bracket != std::string_view::npos) {
      name = trimmed(part.substr(0, bracket)), range = part.substr(bracket);
    }
    add(profiles, std::string(name), reader.read(range));
  }
}

std::string range_text(const ShapeRange& range) {
  if (range.least == range.typical && range.typical == range.largest) return shape_text(range.typical);
  return fmt::format("{}:{}:{}", shape_text(range.least), shape_text(range.typical), shape_text(range.largest));
}

std::string profiles_text(const std::vector<Profile>& profiles) {
  std::string text;
  for (const Profile& profile : profiles) {
    for (const auto& [name, range] : profile) {
      text += (text.empty() ? "" : ";") + (name.empty() ? "" : name + "=") + range_text(range);
    }
  }
  return text;
}

std::vector<Profile> checked_profiles(const std::vector<Profile>& profiles, const std::vector<Port>& inputs) {
  std::vector<Profile> checked;
  std::map<std::string, ShapeRange> last;
  for (const Profile& profile : profiles) {
    for (const auto& [said_name, range] : profile) {
      const std::string& name = said_name.empty() ? only_input(inputs) : said_name;
      const auto input =
          std::find_if(inputs.begin(), inputs.end(), [&](const Port& port) { return port.name == name; });
      if (input == inputs.end()) {
        fail(ErrorCode::invalid_argument, "profile: the model has no input '{}'; its inputs are {}", name,
             names_of(inputs));
      }
      check_range(*input, range);
      last[name] = range;
    }
    checked.push_back(last);
    check_symbols(checked.back(), inputs);
  }
  // What is said only later holds for the profiles before it too.
  for (Profile& profile : checked) {
    for (const auto& [name, range] : last) profile.emplace(name, range);
  }
  return checked;
}

}  // namespace kiln
