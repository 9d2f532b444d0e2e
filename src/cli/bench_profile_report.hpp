#pragma once

#include <string>

#include "cli/bench_report.hpp"

namespace kiln::cli {

/// A line for each step, whose names are cut where they are longer than that.
Table layers_table(const LayerProfile& profile, size_t longest);
Table totals_table(const std::string& heading, const std::vector<LayerTotal>& totals, double all_seconds);

/// The layers of each case that was profiled: as tables, as JSON, as lines of CSV under a line of headings, and as
/// bars, a roofline and tables of HTML.
void print_profiles(const BenchReport& report);
Json profile_json(const LayerProfile& profile);
std::string profiles_csv(const BenchReport& report);
std::string profile_html(const LayerProfile& profile);

}  // namespace kiln::cli
