#include "kernels/attention/blocked_attention.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include <fmt/format.h>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "kernels/gemm/pack.hpp"
#include "kernels/tile/tile_walk.hpp"

namespace kiln {

extern const AttentionRowsTable attention_rows_table_portable, attention_rows_table_avx2, attention_rows_table_avx512;

const AttentionRowsTable& attention_rows_table(Isa isa) {
  switch (isa) {
    case Isa::avx512: return attention_rows_table_avx512;
    case Isa::avx2: return attention_rows_table_avx2;
    default: return attention_rows_table_portable;
  }
}

namespace {

/// Queries of a head of K and V up to which packing it would cost more than it saves.
constexpr int64_t most_direct_queries = 8;
/// Keys of a block that go through the products and the softmax at once, at most about.
constexpr int64_t most_keys_at_once = 512;
constexpr int64_t most_queries_at_once = 128;
/// Floats of a block's scores, so that they stay in the L2 cache with the panels of K and V that they meet.
constexpr int64_t score_floats = 16 << 10;

void check(const AttentionProblem& p) {
  if (p.batch < 0 || p.heads < 1 || p.kv_heads < 1 || p.queries < 0 || p.keys < 0 || p.size < 1 || p.value_size < 1) {
    fail(ErrorCode::invalid_argument, "attention of {} x {} heads of {} over {} keys makes no sense", p.batch, p.heads,
         p.size, p.keys);
  }
  if (p.heads % p.kv_heads != 0) {
    fail(ErrorCode::invalid_argument, "{} query heads cannot be shared out over {} key and value heads", p.heads,
         p.kv_heads);
  }
}

}  // namespace

struct BlockedAttention::Work {
  float *keys, *values, *scores, *out, *largest, *sums, *mask;
  int64_t packed = -1;  ///< the head of K and V that is packed
};

/// Some queries of one head.
struct BlockedAttention::Block {
  int64_t batch, head, first, count;
  int64_t keys, offset;  ///< keys that there are; the position of query 0
  int64_t left, right;

  int64_t begin(int64_t query) const { return left < 0 ? 0 : std::clamp<int64_t>(query + offset - left, 0, keys); }
  int64_t end(int64_t query) const {
    return right < 0 ? keys : std::clamp<int64_t>(query + offset + right + 1, 0, keys);
  }
};

BlockedAttention::BlockedAttention(const AttentionProblem& p, Isa isa, int64_t query_block, int64_t key_block)
    : problem_(p), isa_(isa), table_(&tile_table(isa)), rows_table_(&attention_rows_table(isa)) {
  check(p);
  const int64_t lanes = table_->lanes;
  // Positions are at most so far apart, and these sums cannot overflow.
  const int64_t far = 2 * (p.keys + p.queries) + std::abs(p.first_position);
  problem_.left = std::min(p.left, far);
  problem_.right = std::min(p.right, far);
  key_blocks_ = divide_up(p.keys, lanes);
  value_blocks_ = divide_up(p.value_size, lanes);
  const int64_t rows = std::clamp<int64_t>(p.queries, 1, table_->rows[2]);
  key_panel_ = best_blocks(*table_, std::max<int64_t>(1, key_blocks_), rows);
  value_panel_ = best_blocks(*table_, value_blocks_, rows);
  const int64_t at_once = key_block != 0 ? key_block : most_keys_at_once;
  const int64_t panels = std::max<int64_t>(1, divide_up(key_blocks_, key_panel_));
  const int64_t runs = divide_up(panels * key_panel_ * lanes, at_once);
  panels_at_once_ = divide_up(panels, std::min(runs, panels));
  score_step_ = panels_at_once_ * key_panel_ * lanes;
  // Rows that are a power of two apart would fall on the same lines of L1.
  if (score_step_ % 256 == 0) score_step_ += lanes;
  query_block_ = query_block != 0 ? query_block : choose_query_block(rows);
  direct_ = p.queries * (p.heads / p.kv_heads) <= most_direct_queries;
  if (!direct_) {
    key_floats_ = whole_lines(key_blocks_ * lanes * p.size);
    value_floats_ = whole_lines(p.keys * value_blocks_ * lanes);
  }
  part_floats_ = key_floats_ + value_floats_ + whole_lines(query_block_ * score_step_) +
                 query_block_ * whole_lines(value_blocks_ * lanes) + 2 * whole_lines(query_block_) +
                 whole_lines(score_step_);
}

int64_t BlockedAttention::choose_query_block(int64_t rows) const {
  const int64_t queries = std::max<int64_t>(1, problem_.queries);
  // Short blocks skip more of what their queries do not see.
  if (problem_.left >= 0 || problem_.right >= 0) return std::min(queries, 2 * rows);
  const int64_t most = std::clamp<int64_t>(score_floats / score_step_, 2 * rows, most_queries_at_once);
  return divide_up(queries, divide_up(queries, most));
}

std::string BlockedAttention::name() const { return fmt::format("attention_f32_blocked_{}", isa_name(isa_)); }

void BlockedAttention::pack(int64_t batch, int64_t head, const AttentionPointers& p, const Work& work) const {
  const AttentionProblem& q = problem_;
  const int64_t lanes = table_->lanes;
  const float* const k = p.k + batch * q.k.batch + head * q.k.head;
  float* to = work.keys;
  for (int64_t key = 0; key < q.keys; key += key_panel_ * lanes) {
    const int64_t count = std::min(q.keys - key, key_panel_ * lanes), wide = divide_up(count, lanes) * lanes;
    pack_transposed(k + key * q.k.row, q.k.row, q.size, count, wide, q.scale, to);
    to += wide * q.size;
  }
  const float* const v = p.v + batch * q.v.batch + head * q.v.head;
  to = work.values;
  for (int64_t at = 0; at < q.value_size; at += value_panel_ * lanes) {
    const int64_t count = std::min(q.value_size - at, value_panel_ * lanes), wide = divide_up(count, lanes) * lanes;
    pack_columns(v + at, q.v.row, q.keys, count, wide, 1.0f, to);
    to += wide * q.keys;
  }
}

/// What all tiles over a depth have in common.
TileArgs BlockedAttention::tile_args(int64_t depth) const {
  static constexpr float zeros[TileTable::most_blocks * 16] = {};
  static constexpr ptrdiff_t offset = 0;
  TileArgs args{};
  args.offsets = &offset;
  args.groups = 1, args.length = depth;
  args.bias = zeros;
  args.out_block = table_->lanes;
  args.low = -std::numeric_limits<float>::infinity(), args.high = std::numeric_limits<float>::infinity();
  return args;
}

/// One panel for all rows, whose tiles are as equal as they can be.
void BlockedAttention::run_tiles(TileArgs& args, int64_t blocks, int64_t rows) const {
  const int64_t tiles = divide_up(rows, table_->rows[blocks]);
  for (int64_t i = 0, done = 0; i < tiles; ++i) {
    const int64_t count = divide_up(rows - done, tiles - i);
    table_->find(args.in_step, blocks, count)(args);
    args.in += count * args.in_step;
    args.out += count * args.out_step;
    if (args.residual != nullptr) args.residual += count * args.out_step;
    done += count;
  }
}

/// The mask's floats for keys from `key` on, made in `made` where they do not lie in memory as such.
const float* BlockedAttention::mask_row(const Block& block, int64_t query, int64_t key, int64_t count,
                                        const AttentionPointers& p, float* made) const {
  const AttentionProblem& q = problem_;
  const int64_t at = block.batch * q.mask_strides.batch + block.head * q.mask_strides.head +
                     query * q.mask_strides.row + key * q.mask_column;
  if (q.mask == MaskKind::none) return nullptr;
  if (q.mask == MaskKind::additive) {
    const float* const from = static_cast<const float*>(p.mask) + at;
    if (q.mask_column == 1) return from;
    std::fill(made, made + count, *from);
    return made;
  }
  const auto* const from = static_cast<const uint8_t*>(p.mask) + at;
  constexpr float hidden = -std::numeric_limits<float>::infinity();
  for (int64_t i = 0; i < count; ++i) made[i] = from[i * q.mask_column] != 0 ? 0.0f : hidden;
  return made;
}

/// Scores of a block's queries for the keys of some panels.
void BlockedAttention::score(const Block& block, int64_t first_panel, int64_t end_panel, const AttentionPointers& p,
                             const Work& work) const {
  const AttentionProblem& q = problem_;
  const int64_t lanes = table_->lanes, wide = key_panel_ * lanes;
  const float* const queries = p.q + block.batch * q.q.batch + block.head * q.q.head + block.first * q.q.row;
  if (direct_) {
    const int64_t first_key = first_panel * wide, keys = std::min(end_panel * wide, q.keys) - first_key;
    const float* const k = p.k + block.batch * q.k.batch + kv_head(block.head) * q.k.head + first_key * q.k.row;
    for (int64_t i = 0; i < block.count; ++i) {
      rows_table_->score({queries + i * q.q.row, k, q.k.row, keys, q.size, q.scale, work.scores + i * score_step_});
    }
    return;
  }
  TileArgs args = tile_args(q.size);
  args.in_step = q.q.row, args.out_step = score_step_;
  for (int64_t panel = first_panel; panel < end_panel; ++panel) {
    args.in = queries;
    args.weights = work.keys + panel * wide * q.size;
    args.out = work.scores + (panel - first_panel) * wide;
    run_tiles(args, std::min(key_panel_, key_blocks_ - panel * key_panel_), block.count);
  }
}

/// Adds the values of some keys, weighted, to the block's sums.
void BlockedAttention::add_values(const Block& block, int64_t first_key, int64_t keys, bool first,
                                  const AttentionPointers& p, const Work& work) const {
  const AttentionProblem& q = problem_;
  const int64_t lanes = table_->lanes, out_step = value_blocks_ * lanes;
  if (direct_) {
    const float* const v = p.v + block.batch * q.v.batch + kv_head(block.head) * q.v.head + first_key * q.v.row;
    for (int64_t i = 0; i < block.count; ++i) {
      rows_table_->add_values(
          {work.scores + i * score_step_, v, q.v.row, keys, q.value_size, first, work.out + i * out_step});
    }
    return;
  }
  TileArgs args = tile_args(keys);
  args.in_step = score_step_, args.out_step = out_step;
  for (int64_t at = 0; at < value_blocks_; at += value_panel_) {
    const int64_t blocks = std::min(value_panel_, value_blocks_ - at);
    args.in = work.scores;
    args.weights = work.values + (at * q.keys + first_key * blocks) * lanes;
    args.out = work.out + at * lanes;
    args.residual = first ? nullptr : args.out;
    run_tiles(args, blocks, block.count);
  }
}

/// The queries of a block against some panels of keys.
void BlockedAttention::attend(const Block& block, int64_t first_panel, int64_t end_panel, bool first,
                              const AttentionPointers& p, Work& work) const {
  const AttentionProblem& q = problem_;
  const int64_t wide = key_panel_ * table_->lanes, first_key = first_panel * wide;
  const int64_t out_step = value_blocks_ * table_->lanes;
  const int64_t keys = std::min(end_panel * wide, block.end(block.first + block.count - 1)) - first_key;
  score(block, first_panel, end_panel, p, work);
  const float* mask = nullptr;
  for (int64_t i = 0; i < block.count; ++i) {
    const int64_t query = block.first + i;
    if (i == 0 || q.mask_strides.row != 0) mask = mask_row(block, query, first_key, keys, p, work.mask);
    rows_table_->weigh({work.scores + i * score_step_, std::clamp<int64_t>(block.begin(query) - first_key, 0, keys),
                        std::clamp<int64_t>(block.end(query) - first_key, 0, keys), keys, mask, q.softcap, first,
                        work.largest + i, work.sums + i, work.out + i * out_step, out_step});
  }
  add_values(block, first_key, keys, first, p, work);
}

void BlockedAttention::run_block(const Block& block, const AttentionPointers& p, Work& work) const {
  const AttentionProblem& q = problem_;
  const int64_t wide = key_panel_ * table_->lanes, out_step = value_blocks_ * table_->lanes;
  // Both ends grow with the query.
  const int64_t first_panel = block.begin(block.first) / wide;
  const int64_t end_panel = divide_up(block.end(block.first + block.count - 1), wide);
  for (int64_t panel = first_panel; panel < end_panel; panel += panels_at_once_) {
    attend(block, panel, std::min(end_panel, panel + panels_at_once_), panel == first_panel, p, work);
  }
  if (first_panel >= end_panel) {
    std::fill_n(work.sums, block.count, 0.0f);
    std::fill_n(work.out, block.count * out_step, 0.0f);
  }
  float* const y = p.y + block.batch * q.y.batch + block.head * q.y.head + block.first * q.y.row;
  for (int64_t i = 0; i < block.count; ++i) {
    rows_table_->finish(work.out + i * out_step, work.sums[i], q.value_size, y + i * q.y.row);
  }
}

void BlockedAttention::run_part(int64_t, int64_t part, int64_t parts, const AttentionPointers& p,
                                float* scratch) const {
  const AttentionProblem& q = problem_;
  const int64_t lanes = table_->lanes;
  Work work;
  work.keys = scratch + part * part_floats_;
  work.values = work.keys + key_floats_;
  work.scores = work.values + value_floats_;
  work.out = work.scores + whole_lines(query_block_ * score_step_);
  work.largest = work.out + query_block_ * whole_lines(value_blocks_ * lanes);
  work.sums = work.largest + whole_lines(query_block_);
  work.mask = work.sums + whole_lines(query_block_);
  const int64_t blocks = divide_up(q.queries, query_block_), limit = q.mask_keys < 0 ? q.keys : q.mask_keys;
  const auto [begin, end] = part_range(q.batch * q.heads * blocks, part, parts);
  for (int64_t i = begin; i < end; ++i) {
    const int64_t head = i / blocks, batch = head / q.heads, packed = batch * q.kv_heads + kv_head(head % q.heads);
    if (!direct_ && work.packed != packed) {
      pack(batch, packed % q.kv_heads, p, work);
      work.packed = packed;
    }
    Block block{batch, head % q.heads, i % blocks * query_block_, 0, q.keys, q.first_position, q.left, q.right};
    block.count = std::min(query_block_, q.queries - block.first);
    if (q.lengths) {
      const int64_t length = p.lengths[batch];
      block.keys = std::clamp<int64_t>(length, 0, q.keys);
      // Bounded so that no sum overflows; beyond these bounds every key is seen or none is.
      block.offset = std::clamp<int64_t>(length, -1, q.keys + q.queries) - q.queries;
    }
    block.keys = std::min(block.keys, limit);
    run_block(block, p, work);
  }
}

}  // namespace kiln
