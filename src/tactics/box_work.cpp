#include "tactics/box_work.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "ops/support/axes.hpp"

namespace kiln {
namespace {

bool has_images(const TensorSpec& spec) {
  return is_f32(spec) && (spec.shape.size() == 3 || spec.shape.size() == 4) && element_count(spec.shape) > 0;
}

/// The only move along the channels of one side; null unless it is one, in steps of 1.
const BoxMove* channel_move(const Box& box, int BoxMove::*axis, int64_t BoxMove::*step) {
  const BoxMove* found = nullptr;
  for (const BoxMove& move : box.moves) {
    if (move.*axis != 1) continue;
    if (found != nullptr || (move.*step != 1 && move.extent != 1)) return nullptr;
    found = &move;
  }
  return found;
}

/// Whether a box can go from blocks to blocks: whole blocks, or all up to the last channel.
bool keeps_blocks(const BoxMove& move, int64_t channels_in, int64_t channels_out, int64_t block) {
  if (move.in_start % block != 0 || move.out_start % block != 0) return false;
  return move.extent % block == 0 ||
         (move.in_start + move.extent == channels_in && move.out_start + move.extent == channels_out);
}

bool fits(const Problem& p, const Box& box, bool from_blocks, bool to_blocks) {
  const BoxMove* in = channel_move(box, &BoxMove::in_axis, &BoxMove::in_step);
  const BoxMove* out = channel_move(box, &BoxMove::out_axis, &BoxMove::out_step);
  if (from_blocks && in == nullptr) return false;
  if (to_blocks && out == nullptr) return false;
  if (!from_blocks || !to_blocks) return true;
  return in == out && keeps_blocks(*in, p.inputs[static_cast<size_t>(box.input)].shape[1],
                                   p.outputs[box.output].shape[1], block_of(p.isa));
}

/// From an item to the next along an axis, in elements; not for the channels of a blocked tensor.
int64_t stride_of(const TensorLayout& layout, const Shape& shape, int axis) {
  if (axis < 0) return 0;
  const auto index = static_cast<size_t>(axis);
  if (layout.format == Format::plain) return ops::row_major_strides(shape)[index];
  if (axis == 0) return layout.blocked.image_stride();
  return index + 1 == shape.size() ? layout.blocked.pixel_stride() : layout.blocked.row_stride();
}

/// One side of a copy: where a box begins, and the channels' move of a blocked tensor.
struct Side {
  const TensorLayout& layout;
  const Shape& shape;
  int64_t start = 0;
  const BoxMove* channels = nullptr;

  bool is_blocked() const { return layout.format == Format::blocked; }
  int64_t block_of_channel(int64_t c) const {
    return c / layout.blocked.block * layout.blocked.block_stride() + c % layout.blocked.block;
  }
};

/// A run of channels between blocks' borders, or of whole blocks.
struct ChannelRun {
  int64_t begin;   ///< of the move's items
  int64_t blocks;  ///< 0: less than one
  int64_t count;   ///< channels of each block
};
std::vector<ChannelRun> cut(int64_t start, int64_t extent, int64_t block) {
  std::vector<ChannelRun> runs;
  for (int64_t done = 0; done < extent;) {
    const int64_t lane = (start + done) % block, rest = extent - done;
    if (lane == 0 && rest >= block) {
      runs.push_back({done, rest / block, block});
      done += rest / block * block;
    } else {
      runs.push_back({done, 1, std::min(rest, block - lane)});
      done += runs.back().count;
    }
  }
  return runs;
}

}  // namespace

void BoxPlan::add_whole(const Shape& shape, int input, size_t output, int axis, int64_t in_start, int64_t out_start) {
  Box box{input, output, {}};
  for (int i = 0; i < static_cast<int>(shape.size()); ++i) {
    const int64_t from = i == axis ? in_start : 0, to = i == axis ? out_start : 0;
    box.moves.push_back({shape[static_cast<size_t>(i)], i, from, 1, i, to, 1});
  }
  boxes.push_back(std::move(box));
}

BoxWork::BoxWork(const Problem& p, const Layouts& layouts, const BoxPlan& plan)
    : name_(fmt::format("copy_{}_{}", p.anchor().op_type, isa_name(p.isa))), isa_(p.isa), outputs_(layouts.outputs) {
  std::transform(name_.begin(), name_.end(), name_.begin(), [](unsigned char c) { return std::tolower(c); });
  constant_[0] = plan.constant;
  for (const Box& box : plan.boxes) {
    const bool is_empty =
        std::any_of(box.moves.begin(), box.moves.end(), [](const BoxMove& move) { return move.extent == 0; });
    if (!is_empty) add(p, layouts, box);
  }
}

void BoxWork::add(const Problem& p, const Layouts& layouts, const Box& box) {
  static const TensorLayout plain;
  static const Shape no_shape;
  const bool has_input = box.input >= 0;
  const auto input = static_cast<size_t>(std::max(box.input, 0));
  Side in{has_input ? layouts.inputs[input] : plain, has_input ? p.inputs[input].shape : no_shape};
  Side out{layouts.outputs[box.output], p.outputs[box.output].shape};
  const auto size = static_cast<int64_t>(dtype_size(p.outputs[box.output].dtype));
  if (in.is_blocked()) {
    in.start = in.layout.blocked.offset(0, 0, 0, 0);
    in.channels = channel_move(box, &BoxMove::in_axis, &BoxMove::in_step);
  }
  if (out.is_blocked()) {
    out.start = out.layout.blocked.offset(0, 0, 0, 0);
    out.channels = channel_move(box, &BoxMove::out_axis, &BoxMove::out_step);
  }
  if (!fits(p, box, in.is_blocked(), out.is_blocked())) fail(ErrorCode::internal, "a box crosses blocks");
  std::vector<CopyDim> dims;
  for (const BoxMove& move : box.moves) {
    CopyDim dim{move.extent, 0, 0};
    if (&move != in.channels) {
      const int64_t stride = stride_of(in.layout, in.shape, move.in_axis);
      in.start += move.in_start * stride;
      dim.from = move.in_step * stride;
    }
    if (&move != out.channels) {
      const int64_t stride = stride_of(out.layout, out.shape, move.out_axis);
      out.start += move.out_start * stride;
      dim.to = move.out_step * stride;
    }
    if (&move != in.channels && &move != out.channels) dims.push_back(dim);
  }
  const auto add_step = [&](std::vector<CopyDim> more, int64_t from, int64_t to, int source) {
    more.insert(more.begin(), dims.begin(), dims.end());
    if (source < 0) {
      for (CopyDim& dim : more) dim.from = 0;
    }
    steps_.push_back({StridedCopy(size, std::move(more), from, to, isa_), source, box.output});
  };
  if (in.channels == nullptr && out.channels == nullptr) return add_step({}, in.start, out.start, box.input);

  const BoxMove& move = out.channels != nullptr ? *out.channels : *in.channels;
  const int64_t block = block_of(isa_);
  if (in.channels != nullptr && out.channels != nullptr) {
    // With the zeros past the last channel.
    return add_step(
        {{divide_up(move.extent, block), in.layout.blocked.block_stride(), out.layout.blocked.block_stride()},
         {block, 1, 1}},
        in.start + in.block_of_channel(move.in_start), out.start + out.block_of_channel(move.out_start), box.input);
  }
  // Along the channels of a plain side or one that repeats.
  const int64_t from_step = in.is_blocked() ? 0 : move.in_step * stride_of(in.layout, in.shape, move.in_axis);
  const int64_t to_step = out.is_blocked() ? 0 : move.out_step * stride_of(out.layout, out.shape, move.out_axis);
  for (const ChannelRun& run : cut(out.is_blocked() ? move.out_start : move.in_start, move.extent, block)) {
    CopyDim blocks{run.blocks, block * from_step, block * to_step}, lanes{run.count, from_step, to_step};
    int64_t from = in.start + run.begin * from_step, to = out.start + run.begin * to_step;
    if (in.is_blocked()) {
      from = in.start + in.block_of_channel(move.in_start + run.begin);
      blocks.from = in.layout.blocked.block_stride(), lanes.from = 1;
    }
    if (out.is_blocked()) {
      to = out.start + out.block_of_channel(move.out_start + run.begin);
      blocks.to = out.layout.blocked.block_stride(), lanes.to = 1;
    }
    add_step({blocks, lanes}, from, to, box.input);
  }
  if (!out.is_blocked()) return;
  // Whoever writes the last channel writes the zeros past it.
  const int64_t channels = out.shape[1], padding = divide_up(channels, block) * block - channels;
  if (padding > 0 && move.out_start + move.extent == channels) {
    add_step({{padding, 0, 1}}, 0, out.start + out.block_of_channel(channels), -2);
  }
}

void BoxWork::run_part(int64_t, int64_t part, int64_t parts, const WorkPointers& p) const {
  static constexpr float zeros[4] = {};
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (outputs_[i].format == Format::blocked && p.outputs[i] != nullptr) {
      clear_halo(outputs_[i].blocked, static_cast<float*>(p.outputs[i]), part, parts);
    }
  }
  for (const Step& step : steps_) {
    const void* const from = step.input >= 0    ? p.inputs[step.input]
                             : step.input == -1 ? static_cast<const void*>(constant_)
                                                : zeros;
    step.copy.run_part(part, parts, from, p.outputs[step.output]);
  }
}

std::string decline_boxes(const Problem& p, BoxPlanner planner) {
  if (p.nodes.size() != 1) return "something fused to it";
  for (const TensorSpec& output : p.outputs) {
    if (output.dtype == DType::string) return "strings";
  }
  BoxPlan plan;
  return planner(p, plan);
}

std::vector<Formats> box_formats(const Problem& p, const BoxPlan& plan) {
  std::vector<bool> read(p.inputs.size());
  bool inputs_can = true, outputs_can = true, reads = false;
  for (const Box& box : plan.boxes) {
    if (box.input < 0) continue;
    const auto input = static_cast<size_t>(box.input);
    // A constant that is spread over a box stays plain.
    const bool spread = p.inputs[input].shape.size() < 3;
    read[input] = !spread, reads = reads || !spread;
    inputs_can = inputs_can && (spread || has_images(p.inputs[input]));
  }
  for (const TensorSpec& output : p.outputs) outputs_can = outputs_can && (!output.is_given() || has_images(output));
  std::vector<Formats> found;
  const auto offer = [&](bool from_blocks, bool to_blocks) {
    if ((from_blocks && !(inputs_can && reads)) || (to_blocks && !outputs_can)) return;
    for (const Box& box : plan.boxes) {
      const bool blocked = from_blocks && box.input >= 0 && read[static_cast<size_t>(box.input)];
      if (!fits(p, box, blocked, to_blocks)) return;
    }
    Formats formats;
    for (size_t i = 0; i < p.inputs.size(); ++i) {
      formats.inputs.push_back(from_blocks && read[i] ? Format::blocked : Format::plain);
    }
    formats.outputs.assign(p.outputs.size(), to_blocks ? Format::blocked : Format::plain);
    found.push_back(std::move(formats));
  };
  offer(true, true);
  offer(false, false);
  offer(true, false);
  offer(false, true);
  return found;
}

double box_cost(const Problem& p, const BoxPlan& plan) {
  double bytes = 0;
  for (const Box& box : plan.boxes) {
    double size = static_cast<double>(dtype_size(p.outputs[box.output].dtype));
    for (const BoxMove& move : box.moves) size *= static_cast<double>(move.extent);
    bytes += box.input < 0 ? size : 2 * size;
  }
  // What starting a copy costs.
  return memory_seconds(bytes) + 5e-8 * static_cast<double>(plan.boxes.size());
}

}  // namespace kiln
