#include "builder/tune.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <map>

#include "base/cpu.hpp"
#include "base/timer.hpp"
#include "builder/problem_key.hpp"
#include "builder/timing.hpp"

namespace kiln {
namespace {

constexpr double worth_measuring = 2.5;  ///< times the best prediction
constexpr size_t finalists = 3, most_finalists = 6;
constexpr double as_good = 1.25;   ///< times the best one, within which the order may be chance: more than 3 go on
constexpr double near_best = 2.2;  ///< times the best one, within which a way is worth a second look
constexpr int rounds = 5;          ///< that finalists are timed in

std::string machine_key(const Target& target) {
  std::string name;
  for (const char c : cpu_name()) name += c < ' ' ? ' ' : c;
  return fmt::format("{}, L2 {} KiB\t{}\t{} threads\t{} weights\tkernels {}", name, cache_sizes().l2 >> 10,
                     isa_name(target.isa), target.threads, target.far_weights ? "far" : "near", kernel_version);
}

std::string candidate_key(const Candidate& candidate) {
  return fmt::format("{}\t{}\t{}", candidate.tactic->name, fmt::join(candidate.tuning.numbers, ","),
                     formats_text(candidate.formats));
}

/// All groups that are the same problem.
struct Question {
  std::string key;
  std::vector<size_t> choices;            ///< the first stands for all
  std::vector<size_t> picked;             ///< candidates that are measured
  std::vector<TimingCache::Entry> times;  ///< of those; seconds below 0 where nothing is known
  double predicted = 0;                   ///< seconds of all its groups
};

/// The candidates worth measuring: of each kind (tactic, formats and size of weights) the best, then the rest as long
/// as the prediction is not hopeless. Those that are sure come first.
std::vector<size_t> pick(const std::vector<Candidate>& candidates, const TuneOptions& options,
                         const std::vector<size_t>& sure) {
  std::vector<size_t> order;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].tactic != nullptr) order.push_back(i);
  }
  if (options.tune == Tune::full) return order;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return candidates[a].seconds < candidates[b].seconds; });
  const auto same_kind = [&](size_t a, size_t b) {
    const Candidate &x = candidates[a], &y = candidates[b];
    return x.tactic == y.tactic && x.formats == y.formats && x.bytes == y.bytes;
  };
  const auto same_formats = [&](size_t a, size_t b) { return candidates[a].formats == candidates[b].formats; };
  const auto is_sure = [&](size_t i) { return std::find(sure.begin(), sure.end(), i) != sure.end(); };
  std::vector<size_t> picked;
  std::map<size_t, size_t> rank;  // how many of its kind stand before it
  for (size_t i : order) {
    const auto best = std::find_if(order.begin(), order.end(), [&](size_t other) { return same_formats(other, i); });
    if (candidates[i].seconds > worth_measuring * candidates[*best].seconds && !is_sure(i)) continue;
    rank[i] = static_cast<size_t>(
        std::count_if(picked.begin(), picked.end(), [&](size_t other) { return same_kind(other, i); }));
    picked.push_back(i);
  }
  std::stable_sort(picked.begin(), picked.end(), [&](size_t a, size_t b) {
    return std::pair(!is_sure(a), rank[a]) < std::pair(!is_sure(b), rank[b]);
  });
  if (picked.size() > options.most_candidates) picked.resize(options.most_candidates);
  return picked;
}

class Tuner {
 public:
  Tuner(std::vector<Choice>& choices, CopyCosts& copies, const Target& target, TimingCache& cache,
        const TuneOptions& options)
      : choices_(choices),
        copies_(copies),
        target_(target),
        cache_(cache),
        options_(options),
        machine_(machine_key(target)) {}

  void run() {
    ask();
    for (Question& question : questions_) look_up(question);
    plan_time();
    const auto main = [&](Team& team) {
      Stopwatch stopwatch(team, target_.threads, target_.far_weights);
      measure_copies(stopwatch);
      for (Question& question : questions_) answer(stopwatch, question);
    };
    if (is_all_known()) {
      measure_copies_from_cache();
    } else if (target_.threads == default_pool().threads()) {
      Team::gather(default_pool(), main);
    } else {
      ThreadPool pool(target_.threads);
      Team::gather(pool, main);
    }
    for (const Question& question : questions_) tell(question);
  }

 private:
  bool is_over() const {
    return timer_.seconds() > options_.time_budget_seconds || (options_.stopped && options_.stopped());
  }

  const Choice& choice_of(const Question& question) const { return choices_[question.choices.front()]; }
  const Candidate& candidate(const Question& question, size_t i) const {
    return choice_of(question).candidates[question.picked[i]];
  }
  std::string full_key(const Question& question, size_t i) const {
    return machine_ + "\t" + question.key + "\t" + candidate_key(candidate(question, i));
  }

  /// Each problem once, those that take longest first.
  void ask() {
    std::map<std::string, size_t> known;
    for (size_t i = 0; i < choices_.size(); ++i) {
      const Choice& choice = choices_[i];
      if (choice.candidates.size() < 2 || !choice.problem) continue;
      std::string key = problem_key(*choice.problem);
      if (key.empty()) continue;
      // What the weights are decides whether there is one way more.
      const auto [place, is_new] =
          known.emplace(fmt::format("{}\t{}", key, choice.candidates.size()), questions_.size());
      if (is_new) questions_.push_back({.key = std::move(key)});
      Question& question = questions_[place->second];
      question.choices.push_back(i);
      double least = std::numeric_limits<double>::infinity();
      for (const Candidate& c : choice.candidates) least = std::min(least, c.seconds);
      question.predicted += least;
    }
    for (Question& question : questions_) {
      std::vector<size_t> sure;
      for (size_t at : question.choices) {
        if (at < options_.sure.size()) sure.insert(sure.end(), options_.sure[at].begin(), options_.sure[at].end());
      }
      question.picked = pick(choice_of(question).candidates, options_, sure);
      question.times.assign(question.picked.size(), {-1, false});
    }
    std::erase_if(questions_, [](const Question& question) { return question.picked.empty(); });
    std::stable_sort(questions_.begin(), questions_.end(),
                     [](const Question& a, const Question& b) { return a.predicted > b.predicted; });
  }

  void look_up(Question& question) {
    for (size_t i = 0; i < question.picked.size(); ++i) {
      if (const auto entry = cache_.find(full_key(question, i))) question.times[i] = *entry;
    }
  }

  bool is_known(const Question& question) const {
    const auto unknown = [](const TimingCache::Entry& entry) { return entry.seconds < 0; };
    if (std::any_of(question.times.begin(), question.times.end(), unknown)) return false;
    const auto thorough = std::count_if(question.times.begin(), question.times.end(),
                                        [](const TimingCache::Entry& entry) { return entry.thorough; });
    return thorough >= static_cast<ptrdiff_t>(std::min(finalists, question.times.size()));
  }
  bool is_all_known() const {
    return std::all_of(questions_.begin(), questions_.end(),
                       [&](const Question& question) { return is_known(question); });
  }

  /// As much time for each candidate as the budget has, within reason.
  void plan_time() {
    for (const Question& question : questions_) {
      if (!is_known(question)) total_ += question.picked.size() + most_finalists;
    }
    const double each = 0.6 * options_.time_budget_seconds / static_cast<double>(std::max<size_t>(total_, 1));
    const double most = options_.tune == Tune::full ? 0.03 : 0.012;
    quick_seconds_ = std::clamp(each * 0.5, 0.001, most);
    thorough_seconds_ = std::clamp(each * 2, 0.003, most * 5);
  }

  void tell_progress(const std::string& what) {
    if (!options_.progress) return;
    const double share = static_cast<double>(done_) / static_cast<double>(std::max<size_t>(total_, 1));
    const double spent = timer_.seconds(), left = std::max(0.0, options_.time_budget_seconds - spent);
    options_.progress({.what = what,
                       .done = done_,
                       .total = total_,
                       .seconds = spent,
                       .seconds_left = share > 0.02 ? std::min(left, spent * (1 - share) / share) : left});
  }

  void time(Stopwatch& stopwatch, Question& question, size_t i, bool thorough, double seconds, double give_up) {
    const Candidate& way = candidate(question, i);
    tell_progress(fmt::format("timing {} for {}", way.tactic->name,
                              choice_of(question).problem->anchor().describe(choice_of(question).group->nodes[0])));
    double found = stopwatch.measure(*choice_of(question).problem, way, seconds, give_up);
    // What cannot be prepared is never chosen, and need not be tried again.
    if (found < 0) found = 1e6;
    TimingCache::Entry& entry = question.times[i];
    if (entry.seconds >= 0) found = std::min(found, entry.seconds);
    entry = {TimingCache::rounded(found), thorough};
    cache_.put(full_key(question, i), entry);
  }

  double cost(const Question& question, size_t i) const {
    return question.times[i].seconds + options_.price * candidate(question, i).bytes;
  }

  void answer(Stopwatch& stopwatch, Question& question) {
    if (is_known(question)) return;
    double best = std::numeric_limits<double>::infinity();
    for (const TimingCache::Entry& entry : question.times) {
      if (entry.seconds >= 0) best = std::min(best, entry.seconds);
    }
    for (size_t i = 0; i < question.picked.size(); ++i) {
      if (question.times[i].seconds >= 0) continue;
      if (is_over()) return;
      time(stopwatch, question, i, false, quick_seconds_, 2 * best);
      ++done_;
      best = std::min(best, question.times[i].seconds);
    }
    // Once more, the other way round: the machine may have been slow while a good way had its turn.
    for (size_t i = question.picked.size(); i-- > 0;) {
      if (question.times[i].thorough || question.times[i].seconds > near_best * best) continue;
      if (is_over()) return;
      time(stopwatch, question, i, false, quick_seconds_, 2 * best);
      best = std::min(best, question.times[i].seconds);
    }
    compare_finalists(stopwatch, question);
    done_ += most_finalists;
  }

  /// The best ones again, in turns: what else the machine does comes and goes, and must not fall on one of them only.
  void compare_finalists(Stopwatch& stopwatch, Question& question) {
    std::vector<size_t> order(question.picked.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return cost(question, a) < cost(question, b); });
    const auto is_behind = [&](size_t i) { return cost(question, i) > as_good * cost(question, order[0]); };
    const auto behind = std::find_if(order.begin(), order.end(), is_behind);
    const auto good = static_cast<size_t>(behind - order.begin());
    order.resize(std::min(order.size(), std::clamp(good, finalists, most_finalists)));
    std::erase_if(order, [&](size_t i) { return question.times[i].thorough; });
    for (int round = 1; round <= rounds; ++round) {
      for (size_t i : order) {
        if (is_over()) return;
        time(stopwatch, question, i, round == rounds, thorough_seconds_ / rounds,
             std::numeric_limits<double>::infinity());
      }
    }
  }

  // ---- copies --------------------------------------------------------------------------------------------------

  static constexpr int64_t copy_shape[] = {1, 64, 80, 80};
  std::string copy_key(Format from) const {
    return machine_ + "\tcopy of " + to_string(Shape(std::begin(copy_shape), std::end(copy_shape))) +
           (from == Format::plain ? "\tto blocked" : "\tto plain");
  }
  void use_copy(Format from, double seconds) {
    double bytes = sizeof(float);
    for (int64_t dim : copy_shape) bytes *= static_cast<double>(dim);
    (from == Format::plain ? copies_.to_blocked_bytes_per_second : copies_.to_plain_bytes_per_second) =
        bytes / std::max(seconds, 1e-9);
  }
  void measure_copies(Stopwatch& stopwatch) {
    for (const Format from : {Format::plain, Format::blocked}) {
      auto entry = cache_.find(copy_key(from));
      if (!entry) {
        const Shape shape(std::begin(copy_shape), std::end(copy_shape));
        entry = {TimingCache::rounded(stopwatch.measure_copy(shape, target_.isa, from, 0.02)), true};
        cache_.put(copy_key(from), *entry);
      }
      use_copy(from, entry->seconds);
    }
  }
  void measure_copies_from_cache() {
    for (const Format from : {Format::plain, Format::blocked}) {
      if (const auto entry = cache_.find(copy_key(from))) use_copy(from, entry->seconds);
    }
  }

  // ---- the result ----------------------------------------------------------------------------------------------

  void tell(const Question& question) {
    for (size_t at : question.choices) {
      std::vector<Candidate>& candidates = choices_[at].candidates;
      for (size_t i = 0; i < question.picked.size(); ++i) {
        if (question.times[i].seconds < 0) continue;
        candidates[question.picked[i]].seconds = question.times[i].seconds;
        candidates[question.picked[i]].measured = true;
      }
      std::vector<Formats> measured;
      for (const Candidate& c : candidates) {
        if (c.measured) measured.push_back(c.formats);
      }
      std::erase_if(candidates, [&](const Candidate& c) {
        return c.tactic != nullptr && !c.measured &&
               std::find(measured.begin(), measured.end(), c.formats) != measured.end();
      });
    }
  }

  std::vector<Choice>& choices_;
  CopyCosts& copies_;
  const Target& target_;
  TimingCache& cache_;
  const TuneOptions& options_;
  const std::string machine_;
  const Timer timer_;
  std::vector<Question> questions_;
  size_t done_ = 0, total_ = 0;
  double quick_seconds_ = 0, thorough_seconds_ = 0;
};

}  // namespace

void tune(std::vector<Choice>& choices, CopyCosts& copies, const Target& target, TimingCache& cache,
          const TuneOptions& options) {
  Tuner(choices, copies, target, cache, options).run();
}

}  // namespace kiln
