#pragma once

#include <dnnl.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/isa.hpp"
#include "tactics/tactic.hpp"

/// What the tactics on oneDNN share. Kiln's own threads each run primitives that use one thread: OpenMP's threads would
/// wait beside them.
namespace kiln::onednn {

using Descriptor = dnnl::memory::desc;
using Dims = dnnl::memory::dims;

/// oneDNN as this process has it.
struct Library {
  int32_t version = 0;       ///< 20603 for 2.6.3
  int32_t instructions = 0;  ///< what it makes code for, in its own numbers (dnnl_cpu_isa_t)
  Isa isa = Isa::portable;   ///< the instruction set of Kiln's that this goes with
  std::string text;          ///< "oneDNN 2.6.3, avx512_core_bf16"
  std::string why_not;       ///< why it cannot be used; "" where it can
};
/// At the first call oneDNN is told to keep to the instruction set that Kiln keeps to.
const Library& library();

const dnnl::engine& cpu_engine();

/// While it lives, what this thread asks of oneDNN is done by this thread alone.
class OneThread {
 public:
  OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;
  ~OneThread();

 private:
  int before_;
};

/// Runs `body`; what oneDNN throws becomes an Error that says what could not be made.
template <class Body>
auto guarded(const char* what, Body&& body) {
  try {
    const OneThread alone;
    return body();
  } catch (const dnnl::error& error) {
    fail(ErrorCode::unsupported, "oneDNN has no {}: {} (status {})", what, error.what(),
         static_cast<int>(error.status));
  }
}

/// A primitive with the tensors that it works on: one call, to be run by one thread at a time.
class Call {
 public:
  /// What each of its arguments is, with a scratchpad of the user's last.
  Call(dnnl::primitive primitive, const std::vector<std::pair<int, Descriptor>>& arguments);

  /// Addresses in the order of the arguments; those of a steady state stay as they are, and cost nothing. False where
  /// oneDNN could not do it.
  bool run(std::initializer_list<const void*> addresses) const noexcept;

 private:
  dnnl::primitive primitive_;
  std::vector<dnnl::memory> memories_;
  std::vector<dnnl_exec_arg_t> arguments_;
};

/// How weights lie, in numbers that a tuning can keep: the order of the axes, and the blocks of channels inside.
struct WeightsLayout {
  int32_t order = 0, blocks = 0;

  /// Of what oneDNN chose. False for a layout that cannot be told so.
  static bool of(const Descriptor& descriptor, WeightsLayout& layout);
  /// Weights of these dims. Fails where they cannot lie so.
  Descriptor descriptor(const Dims& dims) const;
  std::string text() const;  ///< "ABcde16b16a"
};

/// Whether oneDNN has no fast code for a primitive.
bool is_slow(const std::string& implementation);

int64_t floats_of(const Descriptor& descriptor);

}  // namespace kiln::onednn
