#include "base/knobs.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/nearest.hpp"

namespace kiln {

KnobBase::Source KnobBase::source() const {
  make_ready();
  const std::lock_guard lock(mutex_);
  return source_;
}

std::string KnobBase::value_text() const {
  make_ready();
  const std::lock_guard lock(mutex_);
  return current_text();
}

void KnobBase::set_text(std::string_view text) {
  set_by([&] {
    if (!parse(text)) {
      refuse(text);
    }
  });
}

void KnobBase::reset() {
  const std::lock_guard lock(mutex_);
  restore_default();
  source_ = Source::default_value;
  ready_.store(false, std::memory_order_release);
}

void KnobBase::refuse(std::string_view text) const {
  fail(ErrorCode::invalid_argument, "knob {}: '{}' is not possible; expected {}", name_, text, expected());
}

void KnobBase::read_environment() const {
  const std::lock_guard lock(mutex_);
  if (ready_.load(std::memory_order_relaxed)) {
    return;
  }
  const char* text = std::getenv(std::string(variable_).c_str());
  if (text != nullptr && *text != '\0') {
    if (!const_cast<KnobBase*>(this)->parse(text)) {
      fail(ErrorCode::invalid_argument, "environment variable {}: '{}' is not possible; expected {}", variable_, text,
           expected());
    }
    source_ = Source::environment;
  }
  ready_.store(true, std::memory_order_release);
}

namespace knob_detail {

bool parse(std::string_view text, bool& value) {
  constexpr std::string_view yes[] = {"1", "true", "on", "yes"}, no[] = {"0", "false", "off", "no"};
  value = std::ranges::find(yes, text) != std::end(yes);
  return value || std::ranges::find(no, text) != std::end(no);
}

bool parse(std::string_view text, int64_t& value) {
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) {
    return false;
  }
  const std::string_view suffix = text.substr(static_cast<size_t>(rest - text.data()));
  if (suffix.empty()) {
    return true;
  }
  const size_t power = std::string_view("KMGT").find(suffix.front());
  return suffix.size() == 1 && power != std::string_view::npos &&
         !__builtin_mul_overflow(value, int64_t{1024} << (10 * power), &value);
}

bool parse(std::string_view text, double& value) {
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && rest == text.data() + text.size();
}

std::string to_text(bool value) { return value ? "true" : "false"; }
std::string to_text(int64_t value) { return std::to_string(value); }
std::string to_text(double value) { return fmt::format("{}", value); }

std::string expected_text(bool, bool) { return "true or false"; }

template <class T>
std::string range_text(std::string_view kind, T low, T high) {
  const bool bounded_below = low != std::numeric_limits<T>::lowest();
  const bool bounded_above = high != std::numeric_limits<T>::max();
  if (bounded_below && bounded_above) {
    return fmt::format("{} from {} to {}", kind, low, high);
  }
  return bounded_below   ? fmt::format("{} of at least {}", kind, low)
         : bounded_above ? fmt::format("{} of at most {}", kind, high)
                         : std::string(kind);
}

std::string expected_text(int64_t low, int64_t high) { return range_text("an integer", low, high); }
std::string expected_text(double low, double high) { return range_text("a number", low, high); }

}  // namespace knob_detail

std::string Knob<std::string>::get() const {
  make_ready();
  const std::lock_guard lock(mutex_);
  return current_text();
}

void Knob<std::string>::set(std::string_view value) {
  set_by([&] { parse(value); });
}

bool Knob<std::string>::parse(std::string_view text) {
  value_ = text;
  is_default_ = false;
  return true;
}

void Knob<std::string>::restore_default() {
  value_.clear();
  is_default_ = true;
}

std::string Knob<std::string>::current_text() const { return is_default_ ? std::string(default_) : value_; }

KnobBase& find_knob(KnobList knobs, std::string_view name) {
  std::vector<std::string_view> names;
  for (KnobBase* knob : knobs) {
    if (knob->name() == name) {
      return *knob;
    }
    names.push_back(knob->name());
  }
  fail(ErrorCode::invalid_argument, "there is no knob '{}'{}", name, suggestion(names, name));
}

std::vector<std::string> unknown_knob_variables(KnobList knobs) {
  std::vector<std::string> unknown;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view variable = text.substr(0, text.find('='));
    if (variable.starts_with("KILN_") &&
        std::ranges::none_of(knobs, [&](const KnobBase* knob) { return knob->variable() == variable; })) {
      unknown.emplace_back(variable);
    }
  }
  std::ranges::sort(unknown);
  return unknown;
}

}  // namespace kiln
