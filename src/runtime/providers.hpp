#pragma once

#include <span>
#include <string>
#include <string_view>

#include "tactics/provider.hpp"

namespace kiln {

/// The names of the providers that there may be beside Kiln itself.
std::span<const std::string_view> provider_names();

/// Loads a provider's library unless it is loaded; it stays for the life of the process. Fails with what to install
/// where it cannot be had. Knob `onednn` says where it is.
const Provider& load_provider(std::string_view name);
/// The same, but null where it cannot be had, for whom it would be welcome only.
const Provider* load_provider_if_there(std::string_view name);

/// The provider's tactics for a group with this anchor.
std::span<const Tactic* const> provider_tactics(const Provider& provider, const Node& anchor);

/// A tactic of Kiln's, or of a provider that is loaded already; null if there is none of the name.
const Tactic* find_known_tactic(std::string_view name);
/// Kiln's tactic, or that of a provider, which is loaded for it. Null if there can be none of the name; fails where
/// the provider cannot be had, or what was packed with this tuning is not for the library that is here.
const Tactic* find_usable_tactic(std::string_view name, const Tuning& tuning);

}  // namespace kiln
