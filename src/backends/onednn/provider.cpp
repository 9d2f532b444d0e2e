#include "tactics/provider.hpp"

#include <array>

#include "backends/onednn/onednn.hpp"
#include "backends/onednn/tactics.hpp"

namespace kiln::onednn {
namespace {

constexpr std::array convolutions{&conv};
constexpr std::array transposed{&conv_transposed};
constexpr std::array pools{&pool};
constexpr std::array rows{
    Provider::Row{"AveragePool", pools},
    Provider::Row{"Conv", convolutions},
    Provider::Row{"ConvTranspose", transposed},
    Provider::Row{"MaxPool", pools},
};

/// All tunings of this provider keep version and instruction set in the same places.
std::string mismatch(const Tuning& tuning) {
  const int32_t version = tuning.numbers[1], instructions = tuning.numbers[2];
  if (version == library().version && instructions == library().instructions) return "";
  return fmt::format("it was made for oneDNN {}.{}.{} with instructions {:#x}, and here is {} ({:#x})", version / 10000,
                     version / 100 % 100, version % 100, instructions, library().text, library().instructions);
}

}  // namespace
}  // namespace kiln::onednn

extern "C" [[gnu::visibility("default")]] const kiln::Provider* kiln_provider(std::string& why_not) {
  using namespace kiln::onednn;
  static const kiln::Provider provider{KILN_VERSION, "onednn", library().text, rows, mismatch};
  why_not = library().why_not;
  return why_not.empty() ? &provider : nullptr;
}
