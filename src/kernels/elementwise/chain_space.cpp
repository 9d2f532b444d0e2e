#include "kernels/elementwise/chain_space.hpp"

#include <algorithm>

#include "base/checked.hpp"
#include "base/error.hpp"

namespace kiln {
namespace {

/// Steps of a row-major tensor along the output's axes.
std::vector<int64_t> broadcast_steps(const Shape& shape, const Shape& output) {
  if (shape.size() > output.size()) {
    fail(ErrorCode::invalid_argument, "an operand of shape {} does not broadcast to {}", to_string(shape),
         to_string(output));
  }
  std::vector<int64_t> steps(output.size(), 0);
  const size_t ahead = output.size() - shape.size();
  int64_t step = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == 1) continue;
    if (shape[i] == output[ahead + i]) {
      steps[ahead + i] = step;
      step *= shape[i];
    } else {
      fail(ErrorCode::invalid_argument, "an operand of shape {} does not broadcast to {}", to_string(shape),
           to_string(output));
    }
  }
  return steps;
}

ChainSpace::Walk walk_block(const BlockedLayout& l) {
  return {l.offset(0, 0, 0, 0), {l.image_stride(), l.block_stride(), l.row_stride(), 1}};
}

}  // namespace

ChainSpace::ChainSpace(const std::vector<ChainTensor>& inputs, const ChainTensor& output) {
  channels.resize(inputs.size());
  single.resize(inputs.size());
  if (output.blocked) {
    walk_blocked(inputs, output);
  } else {
    walk_plain(inputs, output);
  }
  merge_axes();
}

void ChainSpace::walk_plain(const std::vector<ChainTensor>& inputs, const ChainTensor& output) {
  checked_product(output.shape, "the output of an elementwise operator");
  extents = output.shape;
  for (const ChainTensor& input : inputs) {
    if (input.blocked) fail(ErrorCode::unsupported, "an operand is blocked, and the output is not");
    walks.push_back({0, broadcast_steps(input.shape, output.shape)});
  }
  walks.push_back({0, broadcast_steps(output.shape, output.shape)});
}

void ChainSpace::walk_blocked(const std::vector<ChainTensor>& inputs, const ChainTensor& output) {
  const BlockedLayout& out = output.layout;
  check_layout(out, "the output of an elementwise operator");
  unit = out.block;
  extents = {out.n, out.blocks(), out.h, out.w * out.block};
  if (out.c % out.block != 0) {
    channel_axis = 1;
    last_channels = out.c % out.block;
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const ChainTensor& in = inputs[i];
    if (in.boolean) fail(ErrorCode::unsupported, "an operand of truth values beside blocked tensors");
    if (in.blocked) {
      const BlockedLayout& l = in.layout;
      check_layout(l, "an operand of an elementwise operator");
      const bool same = l.h == out.h && l.w == out.w, pixel = l.h == 1 && l.w == 1;
      if (l.c != out.c || l.block != out.block || (l.n != out.n && l.n != 1) || (!same && !pixel)) {
        fail(ErrorCode::unsupported, "blocked operands of {} x {} x {} x {} and {} x {} x {} x {}, in blocks of {}, {}",
             l.n, l.c, l.h, l.w, out.n, out.c, out.h, out.w, l.block, out.block);
      }
      walks.push_back(walk_block(l));
      if (l.n == 1) walks.back().steps[0] = 0;
      if (!same) walks.back().steps[2] = walks.back().steps[3] = 0;
      continue;
    }
    if (element_count(in.shape) == 1) {
      single[i] = true;
      walks.push_back({0, {0, 0, 0, 0}});
      continue;
    }
    const std::vector<int64_t> steps = broadcast_steps(in.shape, output.shape);
    if ((steps[1] != 1 && out.c != 1) || steps[2] != 0 || steps[3] != 0) {
      fail(ErrorCode::unsupported, "a plain operand of shape {} beside blocked tensors of shape {}",
           to_string(in.shape), to_string(output.shape));
    }
    channels[i] = true;
    walks.push_back({0, {steps[0], out.block, 0, 0}});
  }
  walks.push_back(walk_block(out));
}

void ChainSpace::merge_axes() {
  const auto insert_axis = [&](size_t at) {
    extents.insert(extents.begin() + static_cast<ptrdiff_t>(at), 1);
    for (Walk& walk : walks) walk.steps.insert(walk.steps.begin() + static_cast<ptrdiff_t>(at), 0);
    if (channel_axis >= static_cast<int>(at)) ++channel_axis;
  };
  const auto remove_axis = [&](size_t at) {
    extents.erase(extents.begin() + static_cast<ptrdiff_t>(at));
    for (Walk& walk : walks) walk.steps.erase(walk.steps.begin() + static_cast<ptrdiff_t>(at));
    if (channel_axis > static_cast<int>(at)) --channel_axis;
  };
  const auto is_channel = [&](size_t axis) { return static_cast<int>(axis) == channel_axis; };
  for (size_t axis = extents.size(); axis-- > 0;) {
    if (extents[axis] == 1 && !is_channel(axis) && extents.size() > 1) remove_axis(axis);
  }
  if (extents.empty()) insert_axis(0);
  for (size_t axis = extents.size() - 1; axis-- > 0;) {
    if (is_channel(axis) || is_channel(axis + 1)) continue;
    const bool alike = std::all_of(walks.begin(), walks.end(), [&](const Walk& walk) {
      return walk.steps[axis] == walk.steps[axis + 1] * extents[axis + 1];
    });
    if (!alike) continue;
    extents[axis] *= extents[axis + 1];
    for (Walk& walk : walks) walk.steps[axis] = walk.steps[axis + 1];
    remove_axis(axis + 1);
  }
  if (extents.size() == 1) {
    // An axis of one element may have been merged away in the output, which must walk.
    if (extents[0] == 1) walks.back().steps[0] = 1;
    insert_axis(0);
  }
  // The rows of a tile lie together in what is the same all over a row.
  const size_t row = extents.size() - 2;
  const bool apart = std::any_of(walks.begin(), walks.end(), [&](const Walk& walk) {
    return walk.steps[row + 1] == 0 && walk.steps[row] != 0 && walk.steps[row] != unit;
  });
  if (apart || is_channel(row)) insert_axis(row + 1);
}

}  // namespace kiln
