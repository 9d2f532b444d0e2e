#include "builder/select.hpp"

#include <algorithm>
#include <map>

#include "builder/pbqp.hpp"

namespace kiln {
namespace {

class Selector {
 public:
  Selector(const Program& program, const BuildFacts& facts, const std::vector<Choice>& choices, double price,
           const CopyCosts& copies)
      : program_(program), facts_(facts), choices_(choices), price_(price), copies_(copies) {}

  std::vector<size_t> run() {
    for (size_t g = 0; g < choices_.size(); ++g) {
      kept_.push_back(cheapest_by_formats(choices_[g].candidates));
      const auto& outputs = choices_[g].group->outputs;
      for (size_t i = 0; i < outputs.size(); ++i) {
        if (outputs[i] != no_value) makers_[outputs[i]] = {g, i};
      }
    }
    for (size_t g = 0; g < choices_.size(); ++g) pbqp_.add_node(costs_of(g));
    for (size_t g = 0; g < choices_.size(); ++g) add_edges(g);
    std::vector<size_t> chosen = pbqp_.solve();
    for (size_t g = 0; g < chosen.size(); ++g) chosen[g] = kept_[g][chosen[g]];
    return chosen;
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

  /// With the copies of what comes into the graph and goes out of it, which are plain.
  Pbqp::Costs costs_of(size_t g) const {
    const Group& group = *choices_[g].group;
    const auto& graph_outputs = program_.graph->outputs;
    Pbqp::Costs costs;
    for (size_t c = 0; c < kept_[g].size(); ++c) {
      const Candidate& way = candidate(g, c);
      double sum = cost(way);
      for (size_t i = 0; i < group.inputs.size(); ++i) {
        const ValueId id = group.inputs[i];
        if (id == no_value || makers_.contains(id)) continue;
        sum += copies_.seconds(spec(id), Format::plain, way.formats.inputs[i]);
      }
      for (size_t i = 0; i < group.outputs.size(); ++i) {
        const ValueId id = group.outputs[i];
        if (std::find(graph_outputs.begin(), graph_outputs.end(), id) == graph_outputs.end()) continue;
        sum += copies_.seconds(spec(id), way.formats.outputs[i], Format::plain);
      }
      costs.push_back(sum);
    }
    return costs;
  }

  void add_edges(size_t g) {
    const Group& group = *choices_[g].group;
    for (size_t i = 0; i < group.inputs.size(); ++i) {
      const ValueId id = group.inputs[i];
      const auto maker = id == no_value ? makers_.end() : makers_.find(id);
      if (maker == makers_.end()) continue;
      const auto [m, output] = maker->second;
      const TensorSpec of = spec(id);
      Pbqp::Costs costs;
      for (size_t a = 0; a < kept_[m].size(); ++a) {
        for (size_t b = 0; b < kept_[g].size(); ++b) {
          costs.push_back(
              copies_.seconds(of, candidate(m, a).formats.outputs[output], candidate(g, b).formats.inputs[i]));
        }
      }
      pbqp_.add_edge(m, g, costs);
    }
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

}  // namespace

double price_of_byte(Prefer prefer) {
  switch (prefer) {
    case Prefer::speed: return 0;
    case Prefer::memory: return 20e-12;
    default: return 5e-12;
  }
}

double CopyCosts::seconds(const TensorSpec& spec, Format made, Format read) const {
  if (made == read) return 0;
  const double rate = read == Format::blocked ? to_blocked_bytes_per_second : to_plain_bytes_per_second;
  return start_seconds + tensor_bytes(spec) / rate;
}

std::vector<size_t> select(const Program& program, const BuildFacts& facts, const std::vector<Choice>& choices,
                           double price, const CopyCosts& copies) {
  return Selector(program, facts, choices, price, copies).run();
}

}  // namespace kiln
