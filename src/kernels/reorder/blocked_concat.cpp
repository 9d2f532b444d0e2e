#include "kernels/reorder/blocked_concat.hpp"

#include <algorithm>
#include <cstring>

#include "base/error.hpp"

namespace kiln {

extern const LaneFunction put_lanes_together_portable, put_lanes_together_avx2, put_lanes_together_avx512;

LaneFunction lane_function(Isa isa) {
  switch (isa) {
    case Isa::avx512: return put_lanes_together_avx512;
    case Isa::avx2: return put_lanes_together_avx2;
    default: return put_lanes_together_portable;
  }
}

BlockedConcat::BlockedConcat(std::vector<BlockedPart> inputs, const BlockedLayout& out, Isa isa)
    : inputs_(std::move(inputs)), out_(out), function_(lane_function(isa)) {
  const int64_t lanes = block_of(isa);
  check_layout(out, "the output of a concatenation");
  int64_t channels = 0;
  for (const BlockedPart& input : inputs_) {
    const BlockedLayout& l = input.layout;
    check_layout(l, "an input of a concatenation");
    if (l.n != out.n || l.h != out.h || l.w != out.w || l.block != lanes || input.first < 0 || input.channels < 1 ||
        input.first > l.c - input.channels) {
      fail(ErrorCode::internal, "channels {} to {} of {} x {} x {} x {} cannot be part of {} x {} x {} x {}",
           input.first, input.first + input.channels, l.n, l.c, l.h, l.w, out.n, out.c, out.h, out.w);
    }
    channels += input.channels;
  }
  if (channels != out.c || out.block != lanes) {
    fail(ErrorCode::internal, "{} channels are put together to {} in blocks of {}", channels, out.c, out.block);
  }
  size_t input = 0;
  int64_t done = 0;  // channels of this input
  for (int64_t c = 0; c < out.c;) {
    if (c % lanes == 0) starts_.push_back(pieces_.size());
    const BlockedPart& from = inputs_[input];
    const int64_t at = from.first + done, lane = c % lanes;
    const int64_t count = std::min({from.channels - done, lanes - lane, lanes - at % lanes});
    pieces_.push_back({input, at / lanes, at % lanes - lane, static_cast<int>(lane), static_cast<int>(lane + count)});
    c += count, done += count;
    if (done == from.channels) ++input, done = 0;
  }
  starts_.push_back(pieces_.size());
}

void BlockedConcat::copy_line(std::span<const Piece> pieces, int64_t image, int64_t y, const void* const* inputs,
                              float* to) const {
  LanePiece found[16];
  for (size_t i = 0; i < pieces.size(); ++i) {
    const Piece& piece = pieces[i];
    const BlockedPart& part = inputs_[piece.input];
    found[i] = {
        static_cast<const float*>(inputs[part.input]) + part.layout.offset(image, piece.block, y, 0) + piece.shift,
        piece.first, piece.last};
  }
  // What lies past an input's channels is zero anyway, so that a block in its own place is one copy.
  const BlockedPart& input = inputs_[pieces[0].input];
  const bool to_the_end = pieces[0].last == out_.block || input.first + input.channels == input.layout.c;
  if (pieces.size() == 1 && pieces[0].shift == 0 && to_the_end) {
    std::memcpy(to, found[0].from, static_cast<size_t>(out_.w * out_.block) * sizeof(float));
  } else {
    function_(found, static_cast<int64_t>(pieces.size()), out_.w, to);
  }
}

void BlockedConcat::run_part(int64_t part, int64_t parts, const void* const* inputs, float* out) const {
  clear_halo(out_, out, part, parts);
  const int64_t blocks = out_.blocks();
  const auto [begin, end] = part_range(out_.n * blocks * out_.h, part, parts);
  for (int64_t i = begin; i < end; ++i) {
    const int64_t image = i / out_.h / blocks, block = i / out_.h % blocks, y = i % out_.h;
    const auto first = starts_.begin() + block;
    const std::span pieces(pieces_.data() + first[0], first[1] - first[0]);
    copy_line(pieces, image, y, inputs, out + out_.offset(image, block, y, 0));
  }
}

}  // namespace kiln
