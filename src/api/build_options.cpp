#include "kiln/build_options.hpp"

#include <algorithm>
#include <charconv>
#include <initializer_list>

#include "base/error.hpp"
#include "builder/profiles.hpp"

namespace kiln {
namespace {

[[noreturn]] void fail_value(std::string_view name, std::string_view value, std::string_view expected) {
  fail(ErrorCode::invalid_argument, "build option '{}': found '{}', expected {}", name, value, expected);
}

template <class E>
E choice(std::string_view name, std::string_view value, std::initializer_list<std::string_view> names) {
  size_t index = 0;
  std::string expected;
  for (std::string_view known : names) {
    if (known == value) return static_cast<E>(index);
    ++index;
    expected += (expected.empty() ? "" : ", ") + std::string(known);
  }
  fail_value(name, value, expected);
}

template <class T>
T number(std::string_view name, std::string_view value, T most) {
  T result{};
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
  if (error != std::errc() || end != value.data() + value.size() || !(result >= T{0} && result <= most)) {
    fail_value(name, value, "a number from 0 on");
  }
  return result;
}

/// Words with commas between them.
std::vector<std::string> list(std::string_view value) {
  std::vector<std::string> words;
  for (size_t at = 0; at <= value.size() && !value.empty();) {
    const size_t comma = std::min(value.find(',', at), value.size());
    words.emplace_back(value.substr(at, comma - at));
    at = comma + 1;
  }
  return words;
}

}  // namespace

void set_build_option(BuildOptions& options, std::string_view name, std::string_view value) {
  if (name == "tune") {
    options.tune = choice<Tune>(name, value, {"off", "fast", "full"});
  } else if (name == "time_budget_seconds") {
    options.time_budget_seconds = number<double>(name, value, 1e9);
  } else if (name == "prefer") {
    options.prefer = choice<Prefer>(name, value, {"balanced", "speed", "memory"});
  } else if (name == "math") {
    options.math = choice<Math>(name, value, {"fast", "strict"});
  } else if (name == "threads") {
    options.threads = number<int>(name, value, 4096);
  } else if (name == "isa") {
    options.isas = list(value);
  } else if (name == "providers") {
    options.providers = list(value);
    for (const std::string& provider : options.providers) {
      if (provider != "kiln" && provider != "onednn") fail_value(name, value, "names of kiln, onednn");
    }
  } else if (name == "profile") {
    add_profiles(options.profiles, value);
  } else if (name == "rewrite") {
    options.rewrite = choice<int>(name, value, {"false", "true"}) != 0;
  } else if (name == "verify") {
    options.verify = choice<int>(name, value, {"false", "true"}) != 0;
  } else {
    fail(ErrorCode::invalid_argument, "there is no build option '{}'", name);
  }
}

}  // namespace kiln
