#include "runtime/providers.hpp"

#include <dlfcn.h>
#include <fmt/ranges.h>

#include <array>
#include <cstring>
#include <mutex>

#include "base/error.hpp"
#include "runtime/runtime_knobs.hpp"

namespace kiln {
namespace {

/// A library with tactics that this Kiln may load.
struct Source {
  std::string_view name, file, needs;
  Knob<std::string>& place;
};
const std::array sources{Source{"onednn", "libkiln_onednn.so",
                                "install oneDNN (Debian: libdnnl2) and a Kiln that was built with it", onednn_knob}};

const Source* find_source(std::string_view name) {
  for (const Source& source : sources) {
    if (source.name == name) return &source;
  }
  return nullptr;
}

std::mutex loading;
std::array<const Provider*, sources.size()> loaded{};  // under `loading`

const Provider*& slot_of(const Source& source) { return loaded[static_cast<size_t>(&source - sources.data())]; }

/// Where the library of this process's own Kiln lies, "" if that is not known.
std::string own_folder() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&find_tactic), &info) == 0 || info.dli_fname == nullptr) return "";
  const std::string file = info.dli_fname;
  const size_t slash = file.rfind('/');
  return slash == std::string::npos ? "" : file.substr(0, slash);
}

std::string last_error() {
  const char* const text = ::dlerror();
  return text == nullptr ? "it cannot be loaded" : text;
}

/// Null, with why.
const Provider* open(const Source& source, std::string& why) {
  const std::string said = source.place.get();
  if (said == "off") {
    why = fmt::format("the knob {} is off", source.place.name());
    return nullptr;
  }
  void* library = nullptr;
  if (said != "auto") {
    library = ::dlopen(said.c_str(), RTLD_NOW | RTLD_LOCAL);
  } else {
    const std::string folder = own_folder();
    if (!folder.empty()) library = ::dlopen((folder + "/" + std::string(source.file)).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      why = last_error();
      library = ::dlopen(std::string(source.file).c_str(), RTLD_NOW | RTLD_LOCAL);
      if (library == nullptr) return nullptr;
    }
  }
  if (library == nullptr) {
    why = last_error();
    return nullptr;
  }
  const auto get = reinterpret_cast<GetProvider>(::dlsym(library, provider_symbol));
  if (get == nullptr) {
    why = fmt::format("{} is no provider of Kiln's", said == "auto" ? source.file : std::string_view(said));
    return nullptr;
  }
  const Provider* const provider = get(why);
  if (provider != nullptr && std::strcmp(provider->kiln_version, KILN_VERSION) != 0) {
    why = fmt::format("it belongs to Kiln {}, and this is {}", provider->kiln_version, KILN_VERSION);
    return nullptr;
  }
  return provider;
}

const Provider* load(const Source& source, std::string& why) {
  const std::lock_guard lock(loading);
  const Provider*& provider = slot_of(source);
  if (provider == nullptr) provider = open(source, why);
  return provider;
}

const Provider* provider_if_loaded(const Source& source) {
  const std::lock_guard lock(loading);
  return slot_of(source);
}

/// "onednn" of "onednn_conv", where there is such a provider.
const Source* source_of(std::string_view tactic) { return find_source(tactic.substr(0, tactic.find('_'))); }

const Tactic* tactic_of(const Provider& provider, std::string_view name) {
  for (const Provider::Row& row : provider.rows) {
    for (const Tactic* tactic : row.tactics) {
      if (tactic->name == name) return tactic;
    }
  }
  return nullptr;
}

}  // namespace

std::span<const std::string_view> provider_names() {
  static const auto names = [] {
    std::array<std::string_view, sources.size()> found;
    for (size_t i = 0; i < found.size(); ++i) found[i] = sources[i].name;
    return found;
  }();
  return names;
}

const Provider& load_provider(std::string_view name) {
  const Source* const source = find_source(name);
  if (source == nullptr) {
    fail(ErrorCode::invalid_argument, "there is no provider '{}'; there are kiln, {}", name,
         fmt::join(provider_names(), ", "));
  }
  std::string why;
  if (const Provider* provider = load(*source, why)) return *provider;
  fail(ErrorCode::unsupported, "the provider {} cannot be loaded: {}; {}, or say where {} is (knob {})", name, why,
       source->needs, source->file, source->place.name());
}

const Provider* load_provider_if_there(std::string_view name) {
  const Source* const source = find_source(name);
  std::string why;
  return source == nullptr ? nullptr : load(*source, why);
}

std::span<const Tactic* const> provider_tactics(const Provider& provider, const Node& anchor) {
  if (!canonical_domain(anchor.domain).empty()) return {};
  for (const Provider::Row& row : provider.rows) {
    if (row.op_type == anchor.op_type) return row.tactics;
  }
  return {};
}

const Tactic* find_known_tactic(std::string_view name) {
  if (const Tactic* own = find_tactic(name)) return own;
  const Source* const source = source_of(name);
  const Provider* const provider = source == nullptr ? nullptr : provider_if_loaded(*source);
  return provider == nullptr ? nullptr : tactic_of(*provider, name);
}

const Tactic* find_usable_tactic(std::string_view name, const Tuning& tuning) {
  if (const Tactic* own = find_tactic(name)) return own;
  const Source* const source = source_of(name);
  if (source == nullptr) return nullptr;
  const Provider& provider = load_provider(source->name);
  const Tactic* const tactic = tactic_of(provider, name);
  const std::string mismatch = tactic == nullptr ? "" : provider.mismatch(tuning);
  if (!mismatch.empty()) fail(ErrorCode::unsupported, "'{}' does not fit: {}", name, mismatch);
  return tactic;
}

}  // namespace kiln
