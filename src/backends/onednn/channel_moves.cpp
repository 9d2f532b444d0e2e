#include "backends/onednn/channel_moves.hpp"

#include <algorithm>
#include <cstring>

namespace kiln::onednn {
namespace {

constexpr int64_t f32 = sizeof(float);
/// Pixels of a channel block that are done at a time, and floats of a row.
constexpr int64_t stretch = 128, most_lanes = 16;

const char* bytes(const float* p) { return reinterpret_cast<const char*>(p); }
char* bytes(float* p) { return reinterpret_cast<char*>(p); }

}  // namespace

ChannelMoves::ChannelMoves(Isa isa, int64_t block)
    : transpose_(copy_table(isa).transpose[2]),
      pass_(tile_table(isa).pass),
      block_(block),
      lanes_(tile_table(isa).lanes) {}

void ChannelMoves::gather(const float* from, int64_t plane, int64_t channels, int64_t pixels, float* to) const {
  const int64_t lanes = lanes_of(channels);
  for (int64_t first = 0; first < channels; first += lanes) {
    const int64_t used = std::min(lanes, channels - first);
    float* const block = to + first * pixels;
    if (used < lanes) std::fill_n(block, pixels * lanes, 0.0f);
    for (int64_t x = 0; x < pixels; x += stretch) {
      transpose_({bytes(from + first * plane + x), bytes(block + x * lanes), std::min(stretch, pixels - x), used, f32,
                  plane * f32, lanes * f32, f32});
    }
  }
}

void ChannelMoves::scatter(const float* from, int64_t plane, int64_t channels, int64_t pixels, const Epilogue& epilogue,
                           const float* residual, float* to) const {
  const int64_t lanes = lanes_of(channels);
  const bool idle = is_idle(epilogue);
  alignas(64) float rows[most_lanes * stretch];
  for (int64_t first = 0; first < channels; first += most_lanes) {
    // All channels beside each other are taken some at a time too.
    const int64_t used = std::min(most_lanes, channels - first);
    for (int64_t done = 0; done < used; done += std::min(lanes, most_lanes)) {
      const int64_t c = first + done, count = std::min(used - done, std::min(lanes, most_lanes));
      const float* const block = block_ != 0 ? from + c * pixels : from + c;
      for (int64_t x = 0; x < pixels; x += stretch) {
        const int64_t wide = std::min(stretch, pixels - x);
        float* const target = idle ? to + c * plane + x : rows;
        const int64_t step = idle ? plane : stretch;
        transpose_({bytes(block + x * lanes), bytes(target), count, wide, f32, lanes * f32, step * f32, f32});
        for (int64_t i = 0; !idle && i < count; ++i) {
          const int64_t at = (c + i) * plane + x;
          finish_row(pass_, lanes_, epilogue, rows + i * stretch, residual == nullptr ? nullptr : residual + at,
                     to + at, wide);
        }
      }
    }
  }
}

void finish_row(TilePassFunction pass, int64_t lanes, const Epilogue& epilogue, const float* from,
                const float* residual, float* to, int64_t count) {
  alignas(64) float row[stretch];
  for (int64_t x = 0; x < count; x += stretch) {
    const int64_t wide = std::min(stretch, count - x), vectors = divide_up(wide, lanes);
    std::memcpy(row, from + x, static_cast<size_t>(wide) * f32);
    std::fill(row + wide, row + vectors * lanes, 0.0f);
    if (epilogue.residual == Residual::before_activation) {
      for (int64_t i = 0; i < wide; ++i) row[i] += residual[x + i];
    }
    if (epilogue.activation != Activation::none) {
      pass({epilogue.activation, epilogue.alpha, epilogue.beta, row, nullptr, 1, 0, vectors, lanes, 1, 0});
    }
    if (epilogue.residual == Residual::after_activation) {
      for (int64_t i = 0; i < wide; ++i) row[i] += residual[x + i];
    }
    std::memcpy(to + x, row, static_cast<size_t>(wide) * f32);
  }
}

bool is_idle(const Epilogue& epilogue) {
  return epilogue.activation == Activation::none && epilogue.residual == Residual::none;
}

}  // namespace kiln::onednn
