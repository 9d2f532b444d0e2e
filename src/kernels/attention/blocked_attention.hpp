#pragma once

#include <cstdint>
#include <string>

#include "kernels/attention/attention_rows_table.hpp"
#include "kernels/tile/tile.hpp"

namespace kiln {

/// Where a tensor's batches, heads and rows lie, in floats; the numbers of a row lie together.
struct HeadStrides {
  int64_t batch = 0, head = 0, row = 0;
};

enum class MaskKind : uint8_t {
  none,
  additive,  ///< floats that are added to the scores
  boolean,   ///< bytes; a key is seen where they are not 0
};

/// Y = softmax(cap(scale Q K^T) + mask) V of each batch and head. Heads of Q share those of K and V in equal groups.
struct AttentionProblem {
  int64_t batch = 1, heads = 1, kv_heads = 1;
  int64_t queries = 1, keys = 1;
  int64_t size = 1, value_size = 1;  ///< of a row of Q and K; of a row of V and Y
  HeadStrides q, k, v, y;
  float scale = 1;
  float softcap = 0;  ///< scores become softcap tanh(score / softcap); 0 for not
  MaskKind mask = MaskKind::none;
  HeadStrides mask_strides;    ///< in elements; 0 along what the mask is the same for
  int64_t mask_column = 1;     ///< from key to key; 1 or 0
  int64_t mask_keys = -1;      ///< keys beyond these are masked; -1: the mask has all
  int64_t left = -1;           ///< how many keys before its own position a query sees; -1: all
  int64_t right = -1;          ///< and after; 0 is causal
  int64_t first_position = 0;  ///< the position of the first query
  bool lengths = false;        ///< the numbers of keys of each batch come at run time, its queries being the last
};

struct AttentionPointers {
  const float *q, *k, *v;
  float* y;
  const void* mask = nullptr;
  const int64_t* lengths = nullptr;
};

/// attention_f32_blocked: blocks of queries go through K and V in blocks, with a running maximum and sum, so that
/// scores never leave the cache. K and V of a head are packed once for each part that uses them, unless few queries use
/// them. A query that sees no
/// key gives zeros. Parts share out heads and blocks of queries.
class BlockedAttention {
 public:
  /// The blocks are chosen where 0 is given.
  BlockedAttention(const AttentionProblem& problem, Isa isa, int64_t query_block = 0, int64_t key_block = 0);

  std::string name() const;
  int64_t scratch_floats(int64_t parts) const { return parts * part_floats_; }
  int64_t phases() const { return 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const AttentionPointers& p, float* scratch) const;

 private:
  struct Work;  ///< one part's scratch and where it stands
  struct Block;

  int64_t choose_query_block(int64_t rows) const;
  int64_t kv_head(int64_t head) const { return head / (problem_.heads / problem_.kv_heads); }
  void pack(int64_t batch, int64_t head, const AttentionPointers& p, const Work& work) const;
  void run_block(const Block& block, const AttentionPointers& p, Work& work) const;
  void attend(const Block& block, int64_t first_panel, int64_t end_panel, bool first, const AttentionPointers& p,
              Work& work) const;
  void score(const Block& block, int64_t first_panel, int64_t end_panel, const AttentionPointers& p,
             const Work& work) const;
  void add_values(const Block& block, int64_t first_key, int64_t keys, bool first, const AttentionPointers& p,
                  const Work& work) const;
  const float* mask_row(const Block& block, int64_t query, int64_t key, int64_t count, const AttentionPointers& p,
                        float* made) const;
  TileArgs tile_args(int64_t depth) const;
  void run_tiles(TileArgs& args, int64_t blocks, int64_t rows) const;

  AttentionProblem problem_;
  Isa isa_;
  const TileTable* table_;
  const AttentionRowsTable* rows_table_;
  int64_t key_blocks_, value_blocks_;          ///< registers' worth of keys, and of a row of V
  int64_t key_panel_, value_panel_;            ///< of them in a panel
  int64_t query_block_, panels_at_once_;       ///< queries of a block; panels of keys that it takes at a time
  bool direct_;                                ///< K and V are used where they lie
  int64_t key_floats_ = 0, value_floats_ = 0;  ///< of what is packed of a head
  int64_t score_step_ = 0, part_floats_ = 0;   ///< floats of a row of scores; of a part's scratch
};

}  // namespace kiln
