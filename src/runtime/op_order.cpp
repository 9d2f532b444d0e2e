#include "runtime/op_order.hpp"

#include <algorithm>
#include <numeric>

namespace kiln {
namespace {

constexpr size_t most_ops = 2000;  ///< more would take too long
constexpr int64_t little = 64;     ///< so many times smaller than what is read: as good as nothing

using Order = std::vector<size_t>;

class Orderer {
 public:
  Orderer(const std::vector<Slot>& slots, const std::vector<ScheduledOp>& ops, int64_t large,
          const std::vector<int64_t>& scratch = {})
      : large_(large),
        scratch_(scratch),
        slots_(slots),
        ops_(ops),
        bytes_(slots.size(), 0),
        writers_(slots.size()),
        readers_(slots.size()),
        before_(ops.size()),
        made_(ops.size(), 0) {
    for (size_t i = 0; i < slots.size(); ++i) bytes_[i] = bytes_of(slots[i]);
    for (size_t i = 0; i < ops.size(); ++i) add(i);
  }

  bool is_worth_it() const {
    return std::any_of(bytes_.begin(), bytes_.end(), [&](int64_t bytes) { return bytes >= large_; });
  }

  /// The largest sum of tensors that are there at the same time, and the first op that it is there at.
  int64_t peak_of(const Order& order, size_t* at = nullptr) const {
    std::vector<size_t> place = places_of(order);
    std::vector<int64_t> change(order.size() + 1, 0);
    for (size_t s = 0; s < slots_.size(); ++s) {
      if (bytes_[s] == 0 || writers_[s].empty()) continue;
      size_t first = order.size(), last = 0;
      for (const std::vector<size_t>* const users : {&writers_[s], &readers_[s]}) {
        for (const size_t op : *users) first = std::min(first, place[op]), last = std::max(last, place[op]);
      }
      change[first] += bytes_[s], change[last + 1] -= bytes_[s];
    }
    int64_t now = 0, most = 0;
    for (size_t i = 0; i < change.size(); ++i) {
      now += change[i];
      const int64_t used = now + (scratch_.empty() || i >= order.size() ? 0 : scratch_[order[i]]);
      if (used > most && at != nullptr) *at = i;
      most = std::max(most, used);
    }
    return most;
  }

  /// Each op soon before the first that waits for it, of several the one behind the longest way first.
  Order depth_first() const {
    std::vector<int> depth(ops_.size(), 0);
    std::vector<bool> is_read(ops_.size(), false), done(ops_.size(), false);
    for (size_t i = 0; i < ops_.size(); ++i) {
      for (const size_t maker : before_[i]) depth[i] = std::max(depth[i], depth[maker] + 1), is_read[maker] = true;
    }
    Order order;
    std::vector<size_t> stack;
    for (size_t i = 0; i < ops_.size(); ++i) {
      if (is_read[i]) continue;
      stack.push_back(i);
      while (!stack.empty()) {
        const size_t op = stack.back();
        size_t next = ops_.size();
        for (const size_t maker : before_[op]) {
          if (!done[maker] && (next == ops_.size() || depth[maker] > depth[next])) next = maker;
        }
        if (next < ops_.size()) {
          stack.push_back(next);
          continue;
        }
        stack.pop_back();
        if (!done[op]) order.push_back(op);
        done[op] = true;
      }
    }
    return order;
  }

  /// What reads a large tensor as the last, or makes next to nothing of it, right behind its makers.
  void hoist(Order& order) const {
    std::vector<size_t> place = places_of(order);
    for (size_t at = 1; at < order.size(); ++at) {
      const size_t op = order[at];
      bool shrinks = false;
      for (const size_t read : roots_read(op)) {
        const auto is_later = [&](size_t other) { return place[other] > at; };
        const bool is_last = std::none_of(readers_[read].begin(), readers_[read].end(), is_later);
        if (bytes_[read] < large_ / 4) continue;
        shrinks = shrinks || (is_last && 2 * made_[op] <= bytes_[read]) || little * made_[op] <= bytes_[read];
      }
      size_t to = 0;
      for (const size_t maker : before_[op]) to = std::max(to, place[maker] + 1);
      if (!shrinks || to >= at) continue;
      move(order, at, to);
      place = places_of(order);
    }
  }

  /// Moves what reads a large tensor that waits at the peak, with those who read its result, to before the peak. False
  /// where that hardly lowers it.
  bool hoist_waiting(Order& order) const {
    size_t peak_at = 0;
    int64_t least = peak_of(order, &peak_at);
    const int64_t enough = least - large_ / 4;
    const std::vector<size_t> place = places_of(order);
    Order best;
    for (size_t s = 0; s < slots_.size(); ++s) {
      if (bytes_[s] < large_ / 4 || writers_[s].empty()) continue;
      const auto waits = [&](size_t op) { return place[op] > peak_at; };
      const auto has_come = [&](size_t op) { return place[op] < peak_at; };
      if (!std::all_of(writers_[s].begin(), writers_[s].end(), has_come)) continue;
      std::vector<size_t> chain;
      for (const size_t reader : readers_[s]) {
        if (waits(reader) && (chain.empty() || place[reader] < place[chain[0]])) chain = {reader};
      }
      // Right before the peak, or as soon as can be.
      Order late = order, soon = order;
      while (!chain.empty() && can_follow(chain, place, peak_at)) {
        const size_t op = chain.back();
        move(late, places_of(late)[op], peak_at + chain.size() - 1);
        const std::vector<size_t> now = places_of(soon);
        size_t to = 0;
        for (const size_t maker : before_[op]) to = std::max(to, now[maker] + 1);
        move(soon, now[op], to);
        for (const Order* const tried : {&late, &soon}) {
          if (const int64_t peak = peak_of(*tried); peak < least) least = peak, best = *tried;
        }
        if (!extend(chain, place)) break;
      }
    }
    if (best.empty() || least > enough) return false;
    order = std::move(best);
    return true;
  }

  /// What makes a large tensor, and lets nothing go that is larger, right before its first reader.
  void delay(Order& order) const {
    std::vector<size_t> place = places_of(order);
    for (size_t at = order.size(); at-- > 0;) {
      const size_t op = order[at];
      if (made_[op] < large_ / 4) continue;
      int64_t freed = 0;
      for (const size_t read : roots_read(op)) {
        const auto is_later = [&](size_t other) { return place[other] > at; };
        if (std::none_of(readers_[read].begin(), readers_[read].end(), is_later)) freed += bytes_[read];
      }
      size_t to = order.size();
      for (const int output : ops_[op].outputs) {
        if (output < 0) continue;
        const size_t root = root_of(output);
        for (const size_t reader : readers_[root]) {
          if (reader != op) to = std::min(to, place[reader]);
        }
        // Other parts of a whole keep their places.
        if (writers_[root].size() > 1) to = at;
      }
      if (made_[op] < freed || to >= order.size() || to <= at + 1) continue;
      move(order, at, to - 1);
      place = places_of(order);
    }
  }

 private:
  /// Whether all that the last op of a chain waits for is there before the peak, or in the chain.
  bool can_follow(const std::vector<size_t>& chain, const std::vector<size_t>& place, size_t peak_at) const {
    const std::vector<size_t>& makers = before_[chain.back()];
    return std::all_of(makers.begin(), makers.end(), [&](size_t maker) {
      return place[maker] < peak_at || std::find(chain.begin(), chain.end(), maker) != chain.end();
    });
  }

  /// Puts the first reader of what a chain makes at its end.
  bool extend(std::vector<size_t>& chain, const std::vector<size_t>& place) const {
    constexpr size_t longest = 8;
    size_t next = ops_.size();
    for (const int output : ops_[chain.back()].outputs) {
      if (output < 0) continue;
      for (const size_t reader : readers_[root_of(output)]) {
        const bool is_new = std::find(chain.begin(), chain.end(), reader) == chain.end();
        if (is_new && (next == ops_.size() || place[reader] < place[next])) next = reader;
      }
    }
    if (next == ops_.size() || chain.size() == longest) return false;
    chain.push_back(next);
    return true;
  }

  size_t root_of(int index) const {
    auto root = static_cast<size_t>(index);
    while (slots_[root].parent >= 0) root = static_cast<size_t>(slots_[root].parent);
    return root;
  }

  static int64_t bytes_of(const Slot& s) {
    if (s.base != Schedule::Base::none || s.parent >= 0) return 0;
    if (s.format == Format::blocked) return s.layout.floats() * 4;
    return element_count(s.shape) * static_cast<int64_t>(dtype_size(s.dtype));
  }

  void add(size_t op) {
    for (const int input : ops_[op].inputs) {
      if (input < 0) continue;
      const size_t root = root_of(input);
      before_[op].insert(before_[op].end(), writers_[root].begin(), writers_[root].end());
      readers_[root].push_back(op);
    }
    for (const int output : ops_[op].outputs) {
      if (output < 0) continue;
      const size_t root = root_of(output);
      writers_[root].push_back(op);
      made_[op] += bytes_of_part(output);
    }
    std::sort(before_[op].begin(), before_[op].end());
    before_[op].erase(std::unique(before_[op].begin(), before_[op].end()), before_[op].end());
  }

  int64_t bytes_of_part(int index) const {
    Slot alone = slots_[static_cast<size_t>(index)];
    if (slots_[root_of(index)].base != Schedule::Base::none) return 0;
    alone.parent = -1, alone.base = Schedule::Base::none, alone.layout.image_blocks = 0;
    return bytes_of(alone);
  }

  std::vector<size_t> roots_read(size_t op) const {
    std::vector<size_t> roots;
    for (const int input : ops_[op].inputs) {
      if (input >= 0 && bytes_[root_of(input)] > 0) roots.push_back(root_of(input));
    }
    return roots;
  }

  static std::vector<size_t> places_of(const Order& order) {
    std::vector<size_t> place(order.size());
    for (size_t i = 0; i < order.size(); ++i) place[order[i]] = i;
    return place;
  }

  static void move(Order& order, size_t from, size_t to) {
    const auto at = [&](size_t i) { return order.begin() + static_cast<std::ptrdiff_t>(i); };
    if (to < from) {
      std::rotate(at(to), at(from), at(from + 1));
    } else {
      std::rotate(at(from), at(from + 1), at(to + 1));
    }
  }

  const int64_t large_;
  const std::vector<int64_t> scratch_;  ///< of each op; empty where nothing is known
  const std::vector<Slot>& slots_;
  const std::vector<ScheduledOp>& ops_;
  std::vector<int64_t> bytes_;                          ///< of the roots that the arena holds
  std::vector<std::vector<size_t>> writers_, readers_;  ///< ops, of the roots
  std::vector<std::vector<size_t>> before_;             ///< ops that an op waits for
  std::vector<int64_t> made_;                           ///< bytes that an op adds to the arena
};

bool may_be_ordered(const std::vector<ScheduledOp>& ops) {
  const auto by_reference = [](const ScheduledOp& op) { return !op.reference.empty(); };
  return ops.size() <= most_ops && std::none_of(ops.begin(), ops.end(), by_reference);
}

Order order_of(const std::vector<ScheduledOp>& ops) {
  Order order(ops.size());
  std::iota(order.begin(), order.end(), size_t{0});
  return order;
}

void arrange(const Order& order, std::vector<ScheduledOp>& ops) {
  std::vector<ScheduledOp> ordered;
  ordered.reserve(ops.size());
  for (const size_t i : order) ordered.push_back(std::move(ops[i]));
  ops = std::move(ordered);
}

}  // namespace

void order_ops(const std::vector<Slot>& slots, std::vector<ScheduledOp>& ops, int64_t large) {
  if (!may_be_ordered(ops)) return;
  const Orderer orderer(slots, ops, large);
  if (!orderer.is_worth_it()) return;
  Order order = orderer.depth_first();
  orderer.hoist(order);
  orderer.delay(order);
  if (orderer.peak_of(order) <= orderer.peak_of(order_of(ops))) arrange(order, ops);
}

std::vector<size_t> lower_peak(const std::vector<Slot>& slots, const std::vector<ScheduledOp>& ops,
                               const std::vector<int64_t>& scratch, int64_t large) {
  constexpr int most_times = 4;
  if (!may_be_ordered(ops)) return {};
  const Orderer orderer(slots, ops, large, scratch);
  if (!orderer.is_worth_it()) return {};
  Order order = order_of(ops);
  bool is_changed = false;
  for (int i = 0; i < most_times && orderer.hoist_waiting(order); ++i) is_changed = true;
  return is_changed ? order : Order();
}

}  // namespace kiln
