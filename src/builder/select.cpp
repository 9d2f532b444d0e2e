#include "builder/select.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "builder/pbqp.hpp"

namespace kiln {
namespace {

class Selector {
 public:
  Selector(const Program& program, const BuildFacts& facts, const std::vector<Choice>& choices, double price,
           const CopyCosts& copies)
      : program_(program), facts_(facts), choices_(choices), price_(price), copies_(copies) {}

  Selection run() {
    for (size_t g = 0; g < choices_.size(); ++g) {
      kept_.push_back(cheapest_by_formats(choices_[g].candidates));
      const auto& outputs = choices_[g].group->outputs;
      for (size_t i = 0; i < outputs.size(); ++i) {
        if (outputs[i] != no_value) makers_[outputs[i]] = {g, i};
      }
    }
    for (size_t g = 0; g < choices_.size(); ++g) pbqp_.add_node(costs_of(g));
    for (size_t g = 0; g < choices_.size(); ++g) add_edges(g);
    Selection found{.chosen = pbqp_.solve()};
    for (size_t g = 0; g < choices_.size(); ++g) {
      const Candidate& way = candidate(g, found.chosen[g]);
      found.bytes += way.bytes;
      found.seconds += way.seconds + end_copies(g, way);
      for_each_edge(g, [&](size_t input, size_t maker, size_t output, const TensorSpec& of) {
        const Format made = candidate(maker, found.chosen[maker]).formats.outputs[output];
        found.seconds += copies_.seconds(of, made, way.formats.inputs[input]);
      });
    }
    for (size_t g = 0; g < choices_.size(); ++g) found.chosen[g] = kept_[g][found.chosen[g]];
    return found;
  }

 private:
  double cost(const Candidate& candidate) const { return candidate.seconds + price_ * candidate.bytes; }

  /// Of candidates with the same formats only the cheapest counts, the first of equals.
  std::vector<size_t> cheapest_by_formats(const std::vector<Candidate>& candidates) const {
    std::vector<size_t> best;
    for (size_t i = 0; i < candidates.size(); ++i) {
      const auto same = std::find_if(best.begin(), best.end(),
                                     [&](size_t other) { return candidates[other].formats == candidates[i].formats; });
      if (same == best.end()) {
        best.push_back(i);
      } else if (cost(candidates[i]) < cost(candidates[*same])) {
        *same = i;
      }
    }
    return best;
  }

  const Candidate& candidate(size_t g, size_t kept) const { return choices_[g].candidates[kept_[g][kept]]; }
  TensorSpec spec(ValueId id) const { return spec_of(program_, facts_.typical, id); }

  Pbqp::Costs costs_of(size_t g) const {
    Pbqp::Costs costs;
    for (size_t c = 0; c < kept_[g].size(); ++c)
      costs.push_back(cost(candidate(g, c)) + end_copies(g, candidate(g, c)));
    return costs;
  }

  /// Seconds for the copies of what comes into the graph and goes out of it, which are plain.
  double end_copies(size_t g, const Candidate& way) const {
    const Group& group = *choices_[g].group;
    const auto& graph_outputs = program_.graph->outputs;
    double sum = 0;
    for (size_t i = 0; i < group.inputs.size(); ++i) {
      const ValueId id = group.inputs[i];
      if (id == no_value || way.formats.inputs[i] == Format::plain || makers_.contains(id)) continue;
      sum += copies_.seconds(spec(id), Format::plain, way.formats.inputs[i]);
    }
    for (size_t i = 0; i < group.outputs.size(); ++i) {
      const ValueId id = group.outputs[i];
      if (std::find(graph_outputs.begin(), graph_outputs.end(), id) == graph_outputs.end()) continue;
      sum += copies_.seconds(spec(id), way.formats.outputs[i], Format::plain);
    }
    return sum;
  }

  /// The inputs of a group that another group makes: visit(input, maker, output of the maker, tensor).
  template <class Visit>
  void for_each_edge(size_t g, Visit&& visit) const {
    const Group& group = *choices_[g].group;
    for (size_t i = 0; i < group.inputs.size(); ++i) {
      const ValueId id = group.inputs[i];
      const auto maker = id == no_value ? makers_.end() : makers_.find(id);
      if (maker != makers_.end()) visit(i, maker->second.first, maker->second.second, spec(id));
    }
  }

  void add_edges(size_t g) {
    for_each_edge(g, [&](size_t input, size_t maker, size_t output, const TensorSpec& of) {
      Pbqp::Costs costs;
      for (size_t a = 0; a < kept_[maker].size(); ++a) {
        for (size_t b = 0; b < kept_[g].size(); ++b) {
          costs.push_back(
              copies_.seconds(of, candidate(maker, a).formats.outputs[output], candidate(g, b).formats.inputs[input]));
        }
      }
      pbqp_.add_edge(maker, g, costs);
    });
  }

  const Program& program_;
  const BuildFacts& facts_;
  const std::vector<Choice>& choices_;
  const double price_;
  const CopyCosts& copies_;
  std::vector<std::vector<size_t>> kept_;
  std::map<ValueId, std::pair<size_t, size_t>> makers_;  ///< group and output
  Pbqp pbqp_;
};

/// Bytes that a process with an engine needs beside weights: for itself, and for the activations of the largest group.
double bytes_beside_weights(const std::vector<Choice>& choices) {
  constexpr double of_the_process = 8e6;
  double most = 0;
  for (const Choice& choice : choices) {
    if (!choice.problem) continue;
    double bytes = 0;
    for (const TensorSpec& input : choice.problem->inputs) {
      if (input.is_given() && input.constant == nullptr) bytes += tensor_bytes(input);
    }
    for (const TensorSpec& output : choice.problem->outputs) bytes += output.is_given() ? tensor_bytes(output) : 0;
    most = std::max(most, bytes);
  }
  return of_the_process + most;
}

}  // namespace

Exchange exchange_of(Prefer prefer) {
  switch (prefer) {
    case Prefer::speed: return {};
    case Prefer::memory: return {.time_for_memory = 1};
    default: return {.time_for_memory = 0.15, .most_times_plain = 2.5};
  }
}

double CopyCosts::seconds(const TensorSpec& spec, Format made, Format read) const {
  if (made == read) return 0;
  const double rate = read == Format::blocked ? to_blocked_bytes_per_second : to_plain_bytes_per_second;
  const double plain = tensor_bytes(spec);
  if (plain == 0) return start_seconds;
  double padded = 1;
  if (spec.shape.size() > 1 && spec.shape[1] > 0) {
    const int64_t channels = spec.shape[1];
    padded = static_cast<double>(divide_up(channels, block) * block) / static_cast<double>(channels);
  }
  // What does not fit the caches takes longer than what was measured.
  constexpr double typical = 3.2e6;
  const double moved = plain * (1 + padded);
  return start_seconds + moved / (2 * rate) * (memory_seconds(moved) / moved) / (memory_seconds(typical) / typical);
}

Selection select(const Program& program, const BuildFacts& facts, const std::vector<Choice>& choices, double price,
                 const CopyCosts& copies) {
  Selection found = Selector(program, facts, choices, price, copies).run();
  found.price = price;
  return found;
}

Selection select(const Program& program, const BuildFacts& facts, const std::vector<Choice>& choices,
                 const Exchange& exchange, double plain_bytes, const CopyCosts& copies, double bytes_before) {
  constexpr double lowest_price = 1e-12, highest_price = 2e-9, step = 1.5, bytes_free_of_limit = 16e6;
  Selection best = select(program, facts, choices, 0, copies);
  if (exchange.time_for_memory == 0) return best;
  const double beside = bytes_beside_weights(choices) + bytes_before;
  const double limit = exchange.most_times_plain * plain_bytes + bytes_free_of_limit - bytes_before;
  const auto cost = [&](const Selection& found) {
    return std::log(found.seconds) + exchange.time_for_memory * std::log(found.bytes + beside);
  };
  for (double price = lowest_price; price < highest_price; price *= step) {
    Selection found = select(program, facts, choices, price, copies);
    const bool fits = found.bytes <= limit, best_fits = best.bytes <= limit;
    if (fits == best_fits ? cost(found) < cost(best) : fits) best = std::move(found);
  }
  return best;
}

}  // namespace kiln
