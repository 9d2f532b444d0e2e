#include "kiln/vision/classifier.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.hpp"
#include "base/timer.hpp"
#include "vision/classify/probabilities.hpp"
#include "vision/network/names.hpp"
#include "vision/network/picture_network.hpp"

namespace kiln::vision {

struct Classifier::Impl {
  PictureNetwork network;
  ClassifierOptions options;
  std::vector<std::string> names;
};

Classifier::Classifier(Session model, const ClassifierOptions& options) {
  if (options.most < 1) fail(ErrorCode::invalid_argument, "{} classes are wanted, expected at least 1", options.most);
  require_crop(options.crop);
  PictureNetwork network(std::move(model), "classifier", options.side);
  const std::string* task = metadata_of(network.info(), "task");
  const bool plain = task && *task == "classify";
  network.use(options.levels.value_or(plain ? Levels() : imagenet_levels));
  network.use(Fit::stretch);
  std::vector<std::string> names = names_of(network.info(), options.names);
  impl_ = std::make_unique<Impl>(Impl{std::move(network), options, std::move(names)});
  // Such models are shown all that fits.
  if (plain && options.crop == ClassifierOptions().crop) impl_->options.crop = 1;
}

Classifier::Classifier(Classifier&&) noexcept = default;
Classifier& Classifier::operator=(Classifier&&) noexcept = default;
Classifier::~Classifier() = default;

std::string Classifier::name_of(int64_t class_index) const { return name_at(impl_->names, class_index); }

std::vector<ClassScore> Classifier::classify(const PictureView& picture, Times* times) {
  Times own;
  Times& spent = times ? *times : own;
  Timer watch;
  Tensor input = prepare_middle(impl_->network, picture, impl_->options.crop);
  spent.preprocess = watch.lap();
  const std::vector<Tensor> outputs = impl_->network.run_for_floats(std::move(input));
  spent.network = watch.lap();
  const auto is_scores = [](const Tensor& output) {
    const Shape& shape = output.shape();
    // Beside one long axis all others are 1.
    return output.size() > 1 && std::count_if(shape.begin(), shape.end(), [](int64_t dim) { return dim != 1; }) == 1;
  };
  const auto scores = std::find_if(outputs.begin(), outputs.end(), is_scores);
  if (scores == outputs.end()) impl_->network.refuse(outputs, "scores f32[1,classes]");
  const int64_t count = scores->size();
  if (const auto named = static_cast<int64_t>(impl_->names.size()); named != 0 && named != count) {
    fail(ErrorCode::invalid_argument, "the classifier gave scores of {} classes, but {} are named", count, named);
  }
  const std::vector<float> values = to_probabilities(scores->elements<float>());
  std::vector<int64_t> order(values.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  const auto most = static_cast<size_t>(std::min(impl_->options.most, count));
  const auto better = [&](int64_t a, int64_t b) {
    const float x = values[static_cast<size_t>(a)], y = values[static_cast<size_t>(b)];
    return x != y ? x > y : a < b;
  };
  std::partial_sort(order.begin(), order.begin() + static_cast<int64_t>(most), order.end(), better);
  std::vector<ClassScore> result;
  for (size_t i = 0; i < most; ++i) result.push_back({order[i], values[static_cast<size_t>(order[i])]});
  spent.postprocess = watch.lap();
  return result;
}

}  // namespace kiln::vision
