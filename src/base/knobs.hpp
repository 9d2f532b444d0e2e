#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace kiln {

/// An option of Kiln, declared once beside the code that it steers:
///
///     inline Knob<int64_t> max_nesting{"max_nesting", "KILN_MAX_NESTING", 64, "deepest subgraph", 1, 10000};
///
/// Its value is what was set, else what its environment variable says at the first use, else the default. A value
/// that it cannot have is an Error. All calls are safe from several threads. Each room lists its knobs in a function
/// (base_knobs()), and the highest room joins those lists; nothing registers itself.
class KnobBase {
 public:
  enum class Kind : uint8_t { boolean, integer, real, text, choice };
  enum class Source : uint8_t { default_value, environment, set };

  KnobBase(const KnobBase&) = delete;
  KnobBase& operator=(const KnobBase&) = delete;

  std::string_view name() const { return name_; }
  std::string_view variable() const { return variable_; }
  std::string_view help() const { return help_; }
  Kind kind() const { return kind_; }
  Source source() const;
  std::string value_text() const;
  virtual std::string default_text() const = 0;
  /// What it may be, in words: "an integer from 1 to 10000".
  virtual std::string expected() const = 0;

  void set_text(std::string_view text);
  /// Forgets what was set or read; the next use looks at the environment again.
  void reset();

 protected:
  constexpr KnobBase(Kind kind, std::string_view name, std::string_view variable, std::string_view help)
      : kind_(kind), name_(name), variable_(variable), help_(help) {}
  ~KnobBase() = default;

  void make_ready() const {
    if (!ready_.load(std::memory_order_acquire)) {
      read_environment();
    }
  }
  [[noreturn]] void refuse(std::string_view text) const;
  /// Runs `store` as the setting of the value, alone among all writers of this knob.
  template <class Store>
  void set_by(Store&& store) {
    const std::lock_guard lock(mutex_);
    store();
    source_ = Source::set;
    ready_.store(true, std::memory_order_release);
  }

  // These four are called with the mutex held.
  virtual bool parse(std::string_view text) = 0;  ///< stores the value; false, and nothing stored, if it may not be
  virtual void restore_default() = 0;
  virtual std::string current_text() const = 0;
  void read_environment() const;

  mutable std::mutex mutex_;

 private:
  Kind kind_;
  mutable Source source_ = Source::default_value;
  mutable std::atomic<bool> ready_{false};
  std::string_view name_;
  std::string_view variable_;
  std::string_view help_;
};

namespace knob_detail {
bool parse(std::string_view text, bool& value);
bool parse(std::string_view text, int64_t& value);  ///< K, M, G and T after the digits mean powers of 1024
bool parse(std::string_view text, double& value);
std::string to_text(bool value);
std::string to_text(int64_t value);
std::string to_text(double value);
std::string expected_text(bool low, bool high);
std::string expected_text(int64_t low, int64_t high);
std::string expected_text(double low, double high);
}  // namespace knob_detail

/// A knob of type bool, int64_t or double.
template <class T>
class Knob final : public KnobBase {
  static_assert(std::is_same_v<T, bool> || std::is_same_v<T, int64_t> || std::is_same_v<T, double>);
  static constexpr Kind kind_of_value = std::is_same_v<T, bool>      ? Kind::boolean
                                        : std::is_same_v<T, int64_t> ? Kind::integer
                                                                     : Kind::real;

 public:
  constexpr Knob(std::string_view name, std::string_view variable, T default_value, std::string_view help,
                 T low = std::numeric_limits<T>::lowest(), T high = std::numeric_limits<T>::max())
      : KnobBase(kind_of_value, name, variable, help),
        default_(default_value),
        low_(low),
        high_(high),
        value_(default_value) {}

  T get() const {
    make_ready();
    return value_.load(std::memory_order_relaxed);
  }
  void set(T value) {
    if (!allowed(value)) {
      refuse(knob_detail::to_text(value));
    }
    set_by([&] { value_.store(value, std::memory_order_relaxed); });
  }
  std::string default_text() const override { return knob_detail::to_text(default_); }
  std::string expected() const override { return knob_detail::expected_text(low_, high_); }

 private:
  bool allowed(T value) const { return value >= low_ && value <= high_; }
  bool parse(std::string_view text) override {
    T value;
    if (!knob_detail::parse(text, value) || !allowed(value)) {
      return false;
    }
    value_.store(value, std::memory_order_relaxed);
    return true;
  }
  void restore_default() override { value_.store(default_, std::memory_order_relaxed); }
  std::string current_text() const override { return knob_detail::to_text(value_.load(std::memory_order_relaxed)); }

  T default_;
  T low_;
  T high_;
  std::atomic<T> value_;
};

template <>
class Knob<std::string> final : public KnobBase {
 public:
  constexpr Knob(std::string_view name, std::string_view variable, std::string_view default_value,
                 std::string_view help)
      : KnobBase(Kind::text, name, variable, help), default_(default_value) {}

  std::string get() const;
  void set(std::string_view value);
  std::string default_text() const override { return std::string(default_); }
  std::string expected() const override { return "a text"; }

 private:
  bool parse(std::string_view text) override;
  void restore_default() override;
  std::string current_text() const override;

  std::string_view default_;
  bool is_default_ = true;
  std::string value_;
};

/// A knob whose value is one of a few names, each standing for a value of the enum E.
template <class E>
class ChoiceKnob final : public KnobBase {
 public:
  struct Choice {
    std::string_view name;
    E value;
  };

  constexpr ChoiceKnob(std::string_view name, std::string_view variable, E default_value, std::string_view help,
                       std::initializer_list<Choice> choices)
      : KnobBase(Kind::choice, name, variable, help), default_(default_value), value_(default_value) {
    for (const Choice& choice : choices) {
      choices_.at(count_++) = choice;
    }
  }

  E get() const {
    make_ready();
    return value_.load(std::memory_order_relaxed);
  }
  void set(E value) {
    set_by([&] { value_.store(value, std::memory_order_relaxed); });
  }
  std::string default_text() const override { return std::string(name_of(default_)); }
  std::string expected() const override {
    std::string text = "one of ";
    for (size_t i = 0; i < count_; ++i) {
      text.append(i == 0 ? "" : ", ").append(choices_[i].name);
    }
    return text;
  }
  std::string_view name_of(E value) const {
    for (size_t i = 0; i < count_; ++i) {
      if (choices_[i].value == value) {
        return choices_[i].name;
      }
    }
    return "?";
  }

 private:
  bool parse(std::string_view text) override {
    for (size_t i = 0; i < count_; ++i) {
      if (choices_[i].name == text) {
        value_.store(choices_[i].value, std::memory_order_relaxed);
        return true;
      }
    }
    return false;
  }
  void restore_default() override { value_.store(default_, std::memory_order_relaxed); }
  std::string current_text() const override { return std::string(name_of(value_.load(std::memory_order_relaxed))); }

  std::array<Choice, 12> choices_{};
  size_t count_ = 0;
  E default_;
  std::atomic<E> value_;
};

using KnobList = std::span<KnobBase* const>;

/// The knob of this name; an Error that names the nearest one where there is none.
KnobBase& find_knob(KnobList knobs, std::string_view name);

/// Variables of the environment that begin with KILN_ and belong to none of these knobs.
std::vector<std::string> unknown_knob_variables(KnobList knobs);

}  // namespace kiln
