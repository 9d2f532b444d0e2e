#pragma once

#include "base/stop_point.hpp"
#include "ops/support/window_shape.hpp"

namespace kiln::ops {

/// Output 0 has the element type of input 0 and one element for each window of it.
void infer_pool(InferContext& context);

/// The windows of a pooling operator over one channel: which elements of the image each of them covers.
class PoolWindows {
 public:
  /// Of input 0, as the node's attributes say.
  explicit PoolWindows(const EvalContext& context);

  /// Works out all windows' places. Done after the output was allocated: hostile pads ask for far too many.
  void prepare();

  const Shape& output() const { return output_; }
  int64_t channels() const { return output_[0] * output_[1]; }  ///< over the whole batch
  int64_t image_size() const { return image_size_; }
  int64_t count() const { return count_; }
  const Shape& image() const { return image_; }

  /// Calls run(offset, count, step) for each run of covered elements along the last axis.
  template <class Run>
  void for_runs(int64_t window, Run&& run) const;
  /// How many elements a window covers with the padding.
  int64_t padded_size(int64_t window) const;

 private:
  struct Span {
    int64_t first, count, padded_count;  ///< along one axis: the first covered element, and how many there are
  };
  static Span span(const Window& window, size_t axis, int64_t index, int64_t extent);

  Window window_;
  Shape output_, image_;
  std::vector<int64_t> steps_, dilations_;
  std::vector<std::vector<Span>> spans_;  ///< of each axis, for each window along it
  int64_t image_size_, count_;
};

template <class Run>
void PoolWindows::for_runs(int64_t window, Run&& run) const {
  const size_t axes = image_.size(), last = axes - 1;
  if (axes == 2) {  // Most pictures; the general way below gives the same.
    const Span &rows = spans_[0][static_cast<size_t>(window / output_[3])],
               &columns = spans_[1][static_cast<size_t>(window % output_[3])];
    for (int64_t i = 0; i < rows.count; ++i) {
      run((rows.first + i * dilations_[0]) * steps_[0] + columns.first, columns.count, dilations_[1]);
    }
    return;
  }
  std::vector<const Span*> spans(axes);
  std::vector<int64_t> index(axes, 0);
  int64_t runs = 1;
  for (size_t axis = axes; axis-- > 0;) {
    spans[axis] = &spans_[axis][static_cast<size_t>(window % output_[axis + 2])];
    window /= output_[axis + 2];
    if (axis < last) runs *= spans[axis]->count;
  }
  for (; runs > 0; --runs) {
    int64_t offset = spans[last]->first;
    for (size_t axis = 0; axis < last; ++axis) {
      offset += (spans[axis]->first + index[axis] * dilations_[axis]) * steps_[axis];
    }
    run(offset, spans[last]->count, dilations_[last]);
    for (size_t axis = last; axis-- > 0;) {
      if (++index[axis] < spans[axis]->count) break;
      index[axis] = 0;
    }
  }
}

/// Calls body(channel, window) for every window of every channel, on several threads.
template <class Body>
void for_windows(EvalContext& context, PoolWindows& windows, Body&& body) {
  windows.prepare();
  const int64_t cost = std::max<int64_t>(1, windows.image_size() + windows.count());
  context.parallel_for(windows.channels(), 32768 / cost + 1, [&](int64_t begin, int64_t end) {
    for (int64_t channel = begin; channel < end; ++channel) {
      for (int64_t window = 0; window < windows.count(); ++window) {
        stop_point(windows.padded_size(window));
        body(channel, window);
      }
    }
  });
}

}  // namespace kiln::ops
