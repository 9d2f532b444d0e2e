#include "kiln/vision/embedder.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/timer.hpp"
#include "vision/network/picture_network.hpp"

namespace kiln::vision {

struct Embedder::Impl {
  PictureNetwork network;
  double crop;
};

namespace {

/// The vector in an output; nothing where it has another form.
std::vector<float> vector_in(const Tensor& output) {
  const Shape& shape = output.shape();
  if (shape.size() < 2 || shape.size() > 4 || shape[0] != 1 || output.size() == 0) return {};
  const float* values = output.data<float>();
  if (shape.size() == 2) return {values, values + shape[1]};
  if (shape.size() == 3) return {values, values + shape[2]};
  const int64_t places = shape[2] * shape[3];
  std::vector<float> means;
  for (int64_t c = 0; c < shape[1]; ++c) {
    double sum = 0;
    for (int64_t i = 0; i < places; ++i) sum += values[c * places + i];
    means.push_back(static_cast<float>(sum / static_cast<double>(places)));
  }
  return means;
}

double length_of(std::span<const float> vector) {
  double squares = 0;
  for (const float value : vector) squares += double{value} * value;
  return std::sqrt(squares);
}

}  // namespace

Embedder::Embedder(Session model, const EmbedderOptions& options) {
  require_crop(options.crop);
  PictureNetwork network(std::move(model), "embedder", options.side);
  network.use(options.levels.value_or(imagenet_levels));
  network.use(Fit::stretch);
  impl_ = std::make_unique<Impl>(Impl{std::move(network), options.crop});
}

Embedder::Embedder(Embedder&&) noexcept = default;
Embedder& Embedder::operator=(Embedder&&) noexcept = default;
Embedder::~Embedder() = default;

std::vector<float> Embedder::embed(const PictureView& picture, Times* times) {
  Times own;
  Times& spent = times ? *times : own;
  Timer watch;
  Tensor input = prepare_middle(impl_->network, picture, impl_->crop);
  spent.preprocess = watch.lap();
  const std::vector<Tensor> outputs = impl_->network.run_for_floats(std::move(input));
  spent.network = watch.lap();
  // The flattest output is what a network is asked for.
  const auto flattest = std::min_element(outputs.begin(), outputs.end(),
                                         [](const Tensor& a, const Tensor& b) { return a.rank() < b.rank(); });
  std::vector<float> vector = flattest == outputs.end() ? std::vector<float>() : vector_in(*flattest);
  if (vector.empty()) {
    impl_->network.refuse(outputs, "f32[1,numbers], f32[1,tokens,numbers] or f32[1,numbers,height,width]");
  }
  const double length = length_of(vector);
  if (!std::isfinite(length)) fail(ErrorCode::invalid_data, "the embedder gave a vector that is not finite");
  for (float& value : vector) value = length == 0 ? 0 : static_cast<float>(value / length);
  spent.postprocess = watch.lap();
  return vector;
}

float similarity(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) {
    fail(ErrorCode::invalid_argument, "vectors of {} and {} numbers cannot be compared", a.size(), b.size());
  }
  double product = 0;
  for (size_t i = 0; i < a.size(); ++i) product += double{a[i]} * b[i];
  const double lengths = length_of(a) * length_of(b);
  return lengths > 0 && std::isfinite(lengths) ? static_cast<float>(product / lengths) : 0;
}

std::vector<Similar> find_similar(std::span<const float> wanted, const std::vector<std::vector<float>>& vectors,
                                  size_t most) {
  std::vector<Similar> all;
  for (size_t i = 0; i < vectors.size(); ++i) all.push_back({i, similarity(wanted, vectors[i])});
  const size_t count = std::min(most, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<int64_t>(count), all.end(),
                    [](const Similar& a, const Similar& b) {
                      return a.similarity != b.similarity ? a.similarity > b.similarity : a.index < b.index;
                    });
  all.resize(count);
  return all;
}

}  // namespace kiln::vision
