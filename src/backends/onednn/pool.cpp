#include <algorithm>
#include <limits>

#include "backends/onednn/channel_moves.hpp"
#include "backends/onednn/onednn.hpp"
#include "backends/onednn/tactics.hpp"
#include "ops/support/window_shape.hpp"
#include "tactics/kernel_work.hpp"

namespace kiln::onednn {
namespace {

int64_t rounded(int64_t floats) { return divide_up(floats, 16) * 16; }

struct PoolShape {
  bool max = true, count_padding = false;
  int64_t batch = 1, channels = 1, in_plane = 1, out_plane = 1;
  Dims in, out, kernel, strides, pads_begin, pads_end;
};

PoolShape pool_shape(const Problem& p) {
  const NodeView node = p.view();
  const Shape &x = p.inputs[0].shape, &y = p.outputs[0].shape;
  ops::Window window = ops::read_pool_window(node, x.size() - 2);
  ops::resolve_pads(window, x);
  PoolShape s;
  s.max = p.anchor().op_type == "MaxPool";
  s.count_padding = !s.max && node.attr_int("count_include_pad", 0) != 0;
  s.batch = x[0], s.channels = x[1];
  s.in.assign(x.begin() + 2, x.end());
  s.out.assign(y.begin() + 2, y.end());
  s.kernel = window.kernel, s.strides = window.strides;
  s.pads_begin = window.pads_begin, s.pads_end = window.pads_end;
  for (size_t i = 0; i < s.in.size(); ++i) {
    s.in_plane *= s.in[i], s.out_plane *= s.out[i];
    // With ceil_mode the last window may reach further than the padding.
    s.pads_end[i] = std::max(s.pads_end[i], (s.out[i] - 1) * s.strides[i] + s.kernel[i] - s.pads_begin[i] - s.in[i]);
  }
  return s;
}

dnnl::pooling_forward::primitive_desc pool_code(const PoolShape& s, const Descriptor& in, const Descriptor& out) {
  using dnnl::algorithm;
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const algorithm kind = s.max             ? algorithm::pooling_max
                         : s.count_padding ? algorithm::pooling_avg_include_padding
                                           : algorithm::pooling_avg_exclude_padding;
  const dnnl::pooling_forward::desc wanted(dnnl::prop_kind::forward_inference, kind, in, out, s.strides, s.kernel,
                                           s.pads_begin, s.pads_end);
  return {wanted, attributes, cpu_engine()};
}

Descriptor images(const Dims& spatial, int64_t block) {
  using Tag = dnnl::memory::format_tag;
  constexpr Tag tags[2][3] = {{Tag::nCw8c, Tag::nChw8c, Tag::nCdhw8c}, {Tag::nCw16c, Tag::nChw16c, Tag::nCdhw16c}};
  Dims dims = spatial;
  dims.insert(dims.begin(), {1, block});
  return {dims, dnnl::memory::data_type::f32, tags[block == 16][spatial.size() - 1]};
}

/// A block of channels of an image at a time, by way of a copy.
class PoolWork final : public Work {
 public:
  explicit PoolWork(const Problem& p)
      : shape_(pool_shape(p)),
        block_(block_of(p.isa)),
        moves_(p.isa, block_),
        blocks_(divide_up(shape_.channels, block_)) {
    guarded("pooling", [&] {
      const Descriptor in = images(shape_.in, block_), out = images(shape_.out, block_);
      const auto code = pool_code(shape_, in, out);
      implementation_ = code.impl_info_str();
      in_floats_ = rounded(floats_of(in)), out_floats_ = rounded(floats_of(out));
      const Descriptor pad = code.scratchpad_desc();
      pad_floats_ = pad.get_size() > 0 ? rounded(floats_of(pad) + 1) : 0;
      const dnnl::pooling_forward primitive(code);
      // A part has memories of its own; more parts than pieces have nothing to do.
      for (int64_t i = 0; i < shape_.batch * blocks_; ++i) {
        std::vector<std::pair<int, Descriptor>> arguments{{DNNL_ARG_SRC, in}, {DNNL_ARG_DST, out}};
        if (pad_floats_ > 0) arguments.emplace_back(DNNL_ARG_SCRATCHPAD, pad);
        calls_.emplace_back(primitive, arguments);
      }
    });
  }

  std::string name() const override { return "pool_f32_onednn_" + implementation_; }
  int64_t scratch_floats(int64_t parts) const override { return parts * (in_floats_ + out_floats_ + pad_floats_); }
  int64_t bytes_beside() const override { return static_cast<int64_t>(calls_.size()) * 1024; }

  void run_part(int64_t, int64_t part, int64_t parts, const WorkPointers& p) const override {
    const PoolShape& s = shape_;
    const auto [begin, end] = part_range(static_cast<int64_t>(calls_.size()), part, parts);
    float* const in = p.scratch + part * scratch_floats(1);
    float *const out = in + in_floats_, *const pad = out + out_floats_;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % blocks_ * block_, used = std::min(block_, s.channels - first);
      const int64_t channel = i / blocks_ * s.channels + first;
      const float* const from = input_floats(p, 0) + channel * s.in_plane;
      float* const to = output_floats(p, 0) + channel * s.out_plane;
      moves_.gather(from, s.in_plane, used, s.in_plane, in);
      const Call& call = calls_[static_cast<size_t>(i)];
      const bool done = pad_floats_ > 0 ? call.run({in, out, pad}) : call.run({in, out});
      if (!done) std::fill_n(out, out_floats_, std::numeric_limits<float>::quiet_NaN());
      moves_.scatter(out, s.out_plane, used, s.out_plane, {}, nullptr, to);
      for (int64_t c = 0; s.max && c < used; ++c) settle(from + c * s.in_plane, to + c * s.out_plane);
    }
  }

 private:
  /// oneDNN begins with the lowest finite number: where nothing is larger, there may be infinities and NaNs.
  void settle(const float* in, float* out) const {
    for (int64_t i = 0; i < shape_.out_plane; ++i) {
      if (out[i] <= std::numeric_limits<float>::lowest()) out[i] = largest(in, i);
    }
  }
  /// A NaN gives way to any number.
  float largest(const float* in, int64_t window) const {
    int64_t at[3] = {}, first[3] = {}, count[3] = {1, 1, 1}, steps[3] = {};
    int64_t step = 1;
    for (size_t i = shape_.in.size(); i-- > 0;) {
      const int64_t low = window % shape_.out[i] * shape_.strides[i] - shape_.pads_begin[i];
      window /= shape_.out[i];
      first[i] = std::max<int64_t>(0, low);
      count[i] = std::min(low + shape_.kernel[i], shape_.in[i]) - first[i];
      steps[i] = step, step *= shape_.in[i];
    }
    float best = std::numeric_limits<float>::quiet_NaN();
    for (at[0] = 0; at[0] < count[0]; ++at[0]) {
      for (at[1] = 0; at[1] < count[1]; ++at[1]) {
        for (at[2] = 0; at[2] < count[2]; ++at[2]) {
          int64_t offset = 0;
          for (size_t i = 0; i < 3; ++i) offset += (first[i] + at[i]) * steps[i];
          if (in[offset] > best || best != best) best = in[offset];
        }
      }
    }
    return best;
  }

  PoolShape shape_;
  int64_t block_;
  ChannelMoves moves_;
  int64_t blocks_;
  std::string implementation_;
  std::vector<Call> calls_;
  int64_t in_floats_ = 0, out_floats_ = 0, pad_floats_ = 0;  ///< of a part's scratch memory
};

std::string decline_pool(const Problem& p) {
  if (p.isa != library().isa) return "another instruction set than oneDNN's in this process";
  if (p.group->nodes.size() != 1) return "something fused";
  if (!is_f32(p.inputs[0]) || !is_f32(p.outputs[0])) return "not f32";
  if (p.inputs[0].shape.size() < 3 || p.inputs[0].shape.size() > 5) return "not one to three spatial axes";
  if (p.outputs.size() > 1 && p.outputs[1].is_given()) return "indices are asked for";
  if (element_count(p.inputs[0].shape) == 0 || element_count(p.outputs[0].shape) == 0) return "an empty tensor";
  for (int64_t gap : p.view().attr_ints("dilations")) {
    if (gap != 1) return "dilations";
  }
  const NodeView node = p.view();
  const ops::Window given = ops::read_pool_window(node, p.inputs[0].shape.size() - 2);
  const PoolShape s = pool_shape(p);
  for (size_t i = 0; i < s.in.size(); ++i) {
    if (s.pads_begin[i] >= s.kernel[i] || s.pads_end[i] >= s.kernel[i]) return "windows in the padding alone";
    if (s.count_padding && given.ceil_mode) return "padding that counts as far as it is asked for";
  }
  try {
    const OneThread alone;
    const int64_t block = block_of(p.isa);
    const auto code = pool_code(s, images(s.in, block), images(s.out, block));
    return is_slow(code.impl_info_str()) ? "oneDNN has no fast code for it" : "";
  } catch (const dnnl::error&) {
    return "oneDNN cannot do it";
  }
}

double pool_cost(const Problem& p, const Tuning&) {
  const PoolShape s = pool_shape(p);
  double taps = 1;
  for (int64_t extent : s.kernel) taps *= static_cast<double>(extent);
  const double outs = static_cast<double>(element_count(p.outputs[0].shape));
  const double calls = static_cast<double>(s.batch * divide_up(s.channels, block_of(p.isa)));
  return arithmetic_seconds(outs * taps, p.isa, 0.25) + memory_seconds(bytes_moved(p)) * 2 + 2e-6 * calls;
}

}  // namespace

constinit const Tactic pool{
    .name = "onednn_pool",
    .declines = decline_pool,
    .formats = plain_only,
    .tunings =
        [](const Problem&) {
          return std::vector{Tuning{{0, library().version, library().instructions}}};
        },
    .cost = pool_cost,
    .prepare = [](const Problem& p, const Layouts&, const Tuning&) -> std::unique_ptr<Work> {
      return std::make_unique<PoolWork>(p);
    },
};

}  // namespace kiln::onednn
