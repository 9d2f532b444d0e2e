#include "builder/sizes.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "builder/profiles.hpp"

namespace kiln {
namespace {

constexpr int64_t most_batch = 8;

enum class End { least, largest };

/// A dim of the inputs that the model leaves open, wherever it stands.
struct OpenDim {
  std::vector<std::pair<std::string, size_t>> places;  ///< input and axis
  int64_t typical = 1;
  bool is_batch = false, is_side = false;  ///< of a picture
};

std::vector<OpenDim> open_dims(const EngineDef& engine, const InputShapes& typical) {
  std::vector<OpenDim> dims;
  std::map<std::string, size_t> by_symbol;
  for (const Port& input : engine.inputs()) {
    const auto shape = typical.find(input.name);
    if (input.optional || shape == typical.end() || !input.type.shape) continue;
    const SymShape& stated = *input.type.shape;
    for (size_t axis = 0; axis < stated.size(); ++axis) {
      if (stated[axis].is_known()) continue;
      size_t at = dims.size();
      if (stated[axis].is_symbolic()) at = by_symbol.emplace(stated[axis].str(), at).first->second;
      if (at == dims.size()) {
        dims.push_back({{}, shape->second[axis], axis == 0, stated.size() == 4 && axis >= 2});
      }
      dims[at].places.emplace_back(input.name, axis);
    }
  }
  return dims;
}

/// How small or large a dim is likely to be, of so many sides of a picture that are open.
int64_t likely(const OpenDim& dim, End end, size_t sides, bool only_batches) {
  const bool small = end == End::least;
  if (dim.is_batch) return small ? 1 : only_batches || sides == 0 ? std::max(most_batch, dim.typical) : dim.typical;
  if (dim.is_side) {
    constexpr int64_t stride = 32;  // what networks for pictures like sides to be multiples of
    const int64_t factor = sides > 1 ? 2 : 4;
    if (!small) return dim.typical * factor;
    return std::min(dim.typical, std::max(stride, dim.typical / 4 / stride * stride));
  }
  return small ? std::max<int64_t>(1, dim.typical / 16) : dim.typical * 4;
}

void put(const OpenDim& dim, int64_t number, InputShapes& shapes) {
  for (const auto& [input, axis] : dim.places) shapes.at(input)[axis] = number;
}

/// What the model allows of likely sizes: a dim whose other numbers leave shapes unknown that were known stays.
class LikelySizes {
 public:
  LikelySizes(const EngineDef& engine, const BuildFacts& facts, InputShapes typical)
      : engine_(engine),
        facts_(facts),
        typical_(std::move(typical)),
        unknown_(unknown_shapes(facts.typical)),
        dims_(open_dims(engine, typical_)) {
    const bool only_batches = std::all_of(dims_.begin(), dims_.end(), [](const OpenDim& dim) { return dim.is_batch; });
    const auto sides =
        static_cast<size_t>(std::count_if(dims_.begin(), dims_.end(), [](const OpenDim& dim) { return dim.is_side; }));
    for (const OpenDim& dim : dims_) {
      least_.push_back(allowed(dim, likely(dim, End::least, sides, only_batches)));
      largest_.push_back(allowed(dim, likely(dim, End::largest, sides, only_batches)));
    }
  }

  /// All dims at that end; where the model does not allow it, as they are typically.
  InputShapes at(End end) const {
    InputShapes shapes = typical_;
    for (size_t i = 0; i < dims_.size(); ++i) put(dims_[i], (end == End::least ? least_ : largest_)[i], shapes);
    return is_allowed(shapes) ? shapes : typical_;
  }
  bool is_allowed(const InputShapes& shapes) const {
    return unknown_shapes(facts_at(engine_, facts_, shapes).typical) <= unknown_;
  }

 private:
  int64_t allowed(const OpenDim& dim, int64_t number) const {
    InputShapes shapes = typical_;
    put(dim, number, shapes);
    return number == dim.typical || is_allowed(shapes) ? number : dim.typical;
  }

  const EngineDef& engine_;
  const BuildFacts& facts_;
  InputShapes typical_;
  const size_t unknown_;
  std::vector<OpenDim> dims_;
  std::vector<int64_t> least_, largest_;
};

/// One of the three shapes of each input; dims that are left to the builder, and inputs, are as in `likely`.
InputShapes shapes_of(const Profile& profile, Shape ShapeRange::*which, const InputShapes& likely) {
  InputShapes shapes = likely;
  for (const auto& [name, range] : profile) {
    Shape shape = range.*which;
    const auto known = likely.find(name);
    for (size_t i = 0; i < shape.size(); ++i) {
      const int64_t other = known != likely.end() && i < known->second.size() ? known->second[i] : range.typical[i];
      if (shape[i] >= 0) continue;
      // Between the numbers that are given.
      shape[i] = std::max(other, range.least[i]);
      if (range.largest[i] >= 0) shape[i] = std::min(shape[i], range.largest[i]);
      if (shape[i] < 0) shape[i] = 1;
    }
    shapes[name] = std::move(shape);
  }
  return shapes;
}

/// What inputs that a profile does not name share with those that it names.
InputShapes complete(const EngineDef& engine, const BuildFacts& facts, const Profile& profile, InputShapes shapes) {
  InputShapes said;
  for (const auto& [name, range] : profile) said[name] = shapes.at(name);
  const Facts typical = facts_at(engine, facts, said).typical;
  for (const Port& input : engine.inputs()) {
    const TensorSpec spec = spec_of(engine.program(), typical, input.value);
    if (!input.optional && spec.is_given() && !profile.contains(input.name)) shapes[input.name] = spec.shape;
  }
  return shapes;
}

ShapeLimits limits_of(const EngineDef& engine, const Profile& profile) {
  ShapeLimits limits;
  for (const Port& input : engine.inputs()) {
    const auto range = profile.find(input.name);
    limits.least.push_back(range == profile.end() ? Shape() : range->second.least);
    limits.largest.push_back(range == profile.end() ? Shape() : range->second.largest);
  }
  return limits;
}

bool has_elements(const InputShapes& shapes) {
  return std::all_of(shapes.begin(), shapes.end(), [](const auto& shape) {
    return std::none_of(shape.second.begin(), shape.second.end(), [](int64_t dim) { return dim == 0; });
  });
}

}  // namespace

Sizes sizes_to_build(const EngineDef& engine, const BuildOptions& options) {
  Sizes sizes;
  sizes.first = options.shapes;
  const std::vector<Profile> profiles = checked_profiles(options.profiles, engine.inputs());
  // Other sizes seldom gain as much as they cost to measure.
  if (profiles.empty() && (options.tune != Tune::full || !options.shapes.empty())) return sizes;
  const InputShapes typical = typical_input_shapes(engine, options.shapes);
  if (open_dims(engine, typical).empty() && profiles.empty()) return sizes;
  const BuildFacts facts = build_facts(engine, options.shapes);
  const LikelySizes likely(engine, facts, typical);
  const InputShapes least = likely.at(End::least), largest = likely.at(End::largest);
  std::vector<InputShapes> all;
  for (const Profile& profile : profiles) {
    sizes.limits.push_back(limits_of(engine, profile));
    all.push_back(complete(engine, facts, profile, shapes_of(profile, &ShapeRange::typical, typical)));
    all.push_back(complete(engine, facts, profile, shapes_of(profile, &ShapeRange::least, least)));
    all.push_back(complete(engine, facts, profile, shapes_of(profile, &ShapeRange::largest, largest)));
  }
  if (profiles.empty()) all = {typical, least, largest};
  if (!profiles.empty()) sizes.first = all.front();
  for (size_t i = 1; i < all.size(); ++i) {
    const bool is_new = std::find(all.begin(), all.begin() + static_cast<ptrdiff_t>(i), all[i]) ==
                        all.begin() + static_cast<ptrdiff_t>(i);
    if (is_new && has_elements(all[i]) && likely.is_allowed(all[i])) sizes.others.push_back(all[i]);
  }
  return sizes;
}

InputShapes between(const InputShapes& a, const InputShapes& b, double share) {
  if (share == 1) return b;
  InputShapes shapes = a;
  for (auto& [name, shape] : shapes) {
    const auto other = b.find(name);
    if (other == b.end() || other->second.size() != shape.size()) continue;
    for (size_t i = 0; i < shape.size(); ++i) {
      const auto from = static_cast<double>(shape[i]), to = static_cast<double>(other->second[i]);
      if (from == to || from <= 0 || to <= 0) continue;
      constexpr double stride = 32;
      double dim = std::exp(std::log(from) * (1 - share) + std::log(to) * share);
      if (dim > 4 * stride) dim = std::round(dim / stride) * stride;
      shape[i] = static_cast<int64_t>(std::llround(std::clamp(dim, std::min(from, to), std::max(from, to))));
    }
  }
  return shapes;
}

}  // namespace kiln
