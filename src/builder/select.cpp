#include "builder/select.hpp"

#include <algorithm>
#include <map>

#include "builder/pbqp.hpp"
#include "runtime/structural.hpp"

namespace kiln {
namespace {

constexpr double reference_bytes_per_second = 0.3e9;
constexpr double copy_bytes_per_second = 12e9;
constexpr double step_seconds = 1e-6;

double tensor_bytes(const TensorSpec& spec) {
  double bytes = static_cast<double>(dtype_size(spec.dtype == DType::undefined ? DType::f32 : spec.dtype));
  for (int64_t dim : spec.shape) bytes *= static_cast<double>(dim);
  return bytes;
}

Formats plain_formats(const Group& group) {
  return {std::vector<Format>(group.inputs.size(), Format::plain),
          std::vector<Format>(group.outputs.size(), Format::plain)};
}

Candidate reference(const Program& program, const Facts& facts, const Group& group) {
  Candidate candidate;
  candidate.formats = plain_formats(group);
  double bytes = 1000;
  for (const auto* ids : {&group.inputs, &group.outputs}) {
    for (ValueId id : *ids) bytes += id == no_value ? 0 : tensor_bytes(spec_of(program, facts, id));
  }
  candidate.seconds = bytes / reference_bytes_per_second;
  return candidate;
}

/// Concat and Split that cost nothing, in the formats in which they do.
void add_structural(const Problem& problem, const Group& group, std::vector<Candidate>& candidates) {
  const Node& node = problem.anchor();
  const bool joins = node.op_type == "Concat", splits = node.op_type == "Split";
  if (!joins && !splits) return;
  for (const Format format : {Format::blocked, Format::plain}) {
    const auto places = joins ? concat_places(problem, format) : split_places(problem, format);
    if (!places) continue;
    Candidate candidate;
    candidate.formats = plain_formats(group);
    if (joins) {
      candidate.formats = uniform_formats(problem, format);
    } else {
      candidate.formats.inputs[0] = format;
      std::fill(candidate.formats.outputs.begin(), candidate.formats.outputs.end(), format);
    }
    candidates.push_back(std::move(candidate));
  }
}

/// What a tactic packs must be constant whatever the shapes of the inputs.
bool can_pack(const Program& program, const Facts& sure, const Group& group, const Tactic& tactic) {
  for (size_t i = 0; i < group.inputs.size() && i < 32; ++i) {
    const bool packed = (tactic.packs >> i & 1) != 0 && group.inputs[i] != no_value;
    if (packed && constant_value(program, sure, group.inputs[i]) == nullptr) return false;
  }
  return true;
}

/// What it costs that a value is made in one format and read in another.
double copy_seconds(const TensorSpec& spec, Format made, Format read) {
  return made == read ? 0 : step_seconds + 2 * tensor_bytes(spec) / copy_bytes_per_second;
}

}  // namespace

std::vector<Candidate> candidates_for(const Program& program, const BuildFacts& facts, const Group& group, Isa isa,
                                      int threads) {
  std::vector<Candidate> candidates;
  const std::optional<Problem> problem = make_problem(program, facts.typical, group, isa, threads);
  if (problem) {
    for (const Tactic* tactic : tactics_for(problem->anchor())) {
      if (!tactic->declines(*problem).empty() || !can_pack(program, facts.sure, group, *tactic)) continue;
      const Tuning tuning = tactic->tunings(*problem).front();
      for (Formats& formats : tactic->formats(*problem)) {
        candidates.push_back({tactic, tuning, std::move(formats), tactic->cost(*problem, tuning) + step_seconds});
      }
    }
    if (group.nodes.size() == 1) {
      if (is_view(problem->anchor())) candidates.push_back({nullptr, {}, plain_formats(group), 0});
      add_structural(*problem, group, candidates);
    }
  }
  if (candidates.empty()) candidates.push_back(reference(program, facts.typical, group));
  return candidates;
}

std::vector<Candidate> select(const Program& program, const BuildFacts& facts, const std::vector<Group>& groups,
                              Isa isa, int threads) {
  Pbqp pbqp;
  std::vector<std::vector<Candidate>> all;
  std::map<ValueId, std::pair<size_t, size_t>> makers;  // group and output
  for (size_t g = 0; g < groups.size(); ++g) {
    // Of candidates with the same formats only the cheapest counts.
    std::vector<Candidate> best;
    for (Candidate& candidate : candidates_for(program, facts, groups[g], isa, threads)) {
      const auto same = std::find_if(best.begin(), best.end(),
                                     [&](const Candidate& other) { return other.formats == candidate.formats; });
      if (same == best.end()) {
        best.push_back(std::move(candidate));
      } else if (candidate.seconds < same->seconds) {
        *same = std::move(candidate);
      }
    }
    all.push_back(std::move(best));
    for (size_t i = 0; i < groups[g].outputs.size(); ++i) {
      if (groups[g].outputs[i] != no_value) makers[groups[g].outputs[i]] = {g, i};
    }
  }
  const auto output_format = [&](size_t g, size_t choice, size_t output) {
    return all[g][choice].formats.outputs[output];
  };
  for (size_t g = 0; g < groups.size(); ++g) {
    Pbqp::Costs costs;
    for (size_t c = 0; c < all[g].size(); ++c) {
      double seconds = all[g][c].seconds;
      for (size_t i = 0; i < groups[g].inputs.size(); ++i) {
        const ValueId id = groups[g].inputs[i];
        if (id == no_value || makers.contains(id)) continue;
        seconds += copy_seconds(spec_of(program, facts.typical, id), Format::plain, all[g][c].formats.inputs[i]);
      }
      for (size_t i = 0; i < groups[g].outputs.size(); ++i) {
        const auto& outputs = program.graph->outputs;
        if (std::find(outputs.begin(), outputs.end(), groups[g].outputs[i]) == outputs.end()) continue;
        seconds +=
            copy_seconds(spec_of(program, facts.typical, groups[g].outputs[i]), output_format(g, c, i), Format::plain);
      }
      costs.push_back(seconds);
    }
    pbqp.add_node(std::move(costs));
  }
  for (size_t g = 0; g < groups.size(); ++g) {
    for (size_t i = 0; i < groups[g].inputs.size(); ++i) {
      const ValueId id = groups[g].inputs[i];
      const auto maker = id == no_value ? makers.end() : makers.find(id);
      if (maker == makers.end()) continue;
      const auto [m, output] = maker->second;
      const TensorSpec spec = spec_of(program, facts.typical, id);
      Pbqp::Costs costs;
      for (size_t a = 0; a < all[m].size(); ++a) {
        for (const Candidate& reader : all[g]) {
          costs.push_back(copy_seconds(spec, output_format(m, a, output), reader.formats.inputs[i]));
        }
      }
      pbqp.add_edge(m, g, costs);
    }
  }
  const std::vector<size_t> chosen = pbqp.solve();
  std::vector<Candidate> result;
  for (size_t g = 0; g < groups.size(); ++g) result.push_back(std::move(all[g][chosen[g]]));
  return result;
}

}  // namespace kiln
