#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/heads.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText rotary_embedding_versions[] = {
    {23, "X:T cos_cache:T sin_cache:T position_ids?:M -> Y:T",
     "interleaved:int=0 num_heads:int rotary_embedding_dim:int=0", "T=f32,f16,bf16 M=i64"},
};

void check_heads(const NodeView& node, size_t rank) {
  if (rank != 3 && rank != 4) fail(ErrorCode::invalid_argument, "X must have rank 3 or 4, found {}", rank);
  if (rank == 3 && !node.has_attribute("num_heads")) {
    fail(ErrorCode::invalid_argument, "an X of rank 3 needs the attribute num_heads");
  }
}

void infer_rotary_embedding(InferContext& c) {
  if (const SymShape* shape = c.shape(0)) {
    check_heads(c, shape->size());
    head_dims(*shape, c.attr_int("num_heads", 0), "X");
  }
  c.set_output(0, c.type(0));
}

/// Where the angles of each position lie in cos_cache and sin_cache.
struct Angles {
  int64_t batch_step, row_step, rows;  ///< of positions, or of the caches themselves
  std::vector<int64_t> positions;      ///< rows of the caches; empty when the caches follow the sequence
  int64_t half;

  int64_t at(int64_t b, int64_t row) const {
    const int64_t index = b * batch_step + row * row_step;
    return (positions.empty() ? index : positions[index]) * half;
  }
};

/// Steps through [batch, length], either of which may be 1 and then repeats.
void set_steps(Angles& angles, int64_t batch, int64_t length, const HeadLayout& x, const char* what) {
  if ((batch != x.batch && batch != 1) || (length != x.length && length != 1)) {
    fail(ErrorCode::invalid_argument, "{} is for {} sequences of {}, X has {} of {}", what, batch, length, x.batch,
         x.length);
  }
  angles.row_step = length == 1 ? 0 : 1;
  angles.batch_step = batch == 1 ? 0 : length;
}

Angles read_angles(EvalContext& c, const HeadLayout& x, int64_t half) {
  const Shape& shape = c.input(1).shape();
  if (c.input(2).shape() != shape) {
    fail(ErrorCode::invalid_argument, "cos_cache and sin_cache must have one shape, found {} and {}", to_string(shape),
         to_string(c.input(2).shape()));
  }
  const size_t rank = c.has_input(3) ? 2 : 3;
  if (shape.size() != rank || shape.back() != half) {
    fail(ErrorCode::invalid_argument, "cos_cache and sin_cache must have rank {} and rows of {}, found {}", rank, half,
         to_string(shape));
  }
  Angles angles{};
  angles.half = half;
  if (!c.has_input(3)) {
    set_steps(angles, shape[0], shape[1], x, "cos_cache");
    return angles;
  }
  const Tensor& ids = c.input(3);
  if (ids.rank() != 2) fail(ErrorCode::invalid_argument, "position_ids must have rank 2, found {}", ids.rank());
  set_steps(angles, ids.dim(0), ids.dim(1), x, "position_ids");
  for (int64_t id : ids.elements<int64_t>()) angles.positions.push_back(checked_index(id, shape[0], "position"));
  return angles;
}

/// Turns the pairs (a, b) of one vector by their angles; the pairs are neighbours when interleaved, else halves apart.
template <class T>
void rotate(const T* from, T* to, const T* cosines, const T* sines, int64_t half, bool interleaved) {
  for (int64_t i = 0; i < half; ++i) {
    const int64_t first = interleaved ? 2 * i : i, second = interleaved ? 2 * i + 1 : i + half;
    const T a = from[first], b = from[second];
    to[first] = static_cast<T>(static_cast<T>(cosines[i] * a) - static_cast<T>(sines[i] * b));
    to[second] = static_cast<T>(static_cast<T>(sines[i] * a) + static_cast<T>(cosines[i] * b));
  }
}

void eval_rotary_embedding(EvalContext& c) {
  const Tensor& x = c.input(0);
  check_heads(c, x.shape().size());
  const HeadLayout layout = head_layout(x.shape(), c.attr_int("num_heads", 0), "X");
  const int64_t given = c.attr_int("rotary_embedding_dim"), turned = given == 0 ? layout.size : given;
  if (turned < 0 || turned > layout.size || turned % 2 != 0) {
    fail(ErrorCode::invalid_argument, "an even number of elements up to the head size {} can be rotated, not {}",
         layout.size, turned);
  }
  const Angles angles = read_angles(c, layout, turned / 2);
  const bool interleaved = c.attr_int("interleaved") != 0;
  Tensor& y = c.output(0, x.dtype(), x.shape());
  dispatch(Types<float, f16, bf16>{}, x.dtype(), [&]<class T> {
    const T *from = x.data<T>(), *cosines = c.input(1).data<T>(), *sines = c.input(2).data<T>();
    T* to = y.mutable_data<T>();
    c.parallel_for(layout.rows(), 1 + 16384 / (layout.size + 1), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t row = i % layout.length, h = i / layout.length % layout.heads,
                      b = i / layout.length / layout.heads;
        const int64_t at = layout.at(b, h, row), angle = angles.at(b, row);
        rotate(from + at, to + at, cosines + angle, sines + angle, turned / 2, interleaved);
        std::copy(from + at + turned, from + at + layout.size, to + at + turned);
      }
    });
  });
}

}  // namespace

extern const OpDef rotary_embedding_op{"", "RotaryEmbedding", rotary_embedding_versions, infer_rotary_embedding,
                                       eval_rotary_embedding};

}  // namespace kiln::ops
