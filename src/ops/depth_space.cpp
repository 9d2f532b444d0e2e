#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/moves.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText depth_to_space_versions[] = {
    {1, "input:T -> output:T", "blocksize!:int", "T=basic"},
    {11, "input:T -> output:T", "blocksize!:int mode:string=DCR", "T=basic"},
    {13, "input:T -> output:T", "blocksize!:int mode:string=DCR", "T=basic,bf16"},
    {28, "input:T -> output:T", "blocksize!:int mode:string=DCR", "T=basic,bf16"},
};

constexpr SchemaText space_to_depth_versions[] = {
    {1, "input:T -> output:T", "blocksize!:int", "T=basic"},
    {13, "input:T -> output:T", "blocksize!:int", "T=basic,bf16"},
    {28, "input:T -> output:T", "blocksize!:int mode:string=DCR", "T=basic,bf16"},
};

int64_t block_of(const NodeView& node) {
  const int64_t block = node.attr_int("blocksize");
  if (block < 1 || block > (int64_t{1} << 31) - 1) {
    fail(ErrorCode::invalid_argument, "attribute 'blocksize' is {}, expected 1 or more", block);
  }
  return block;
}

bool depth_first(const NodeView& node) {
  const std::string mode = node.attr_string("mode", "DCR");
  if (mode != "DCR" && mode != "CRD") {
    fail(ErrorCode::invalid_argument, "attribute 'mode' is '{}', expected DCR or CRD", mode);
  }
  return mode == "DCR";
}

void check_image_rank(size_t rank) {
  if (rank != 4) fail(ErrorCode::invalid_argument, "the input must have rank 4 (NCHW), found {}", rank);
}

int64_t divided(int64_t extent, int64_t by, const char* what) {
  if (extent % by != 0) fail(ErrorCode::invalid_argument, "{} of {} do not divide into blocks of {}", what, extent, by);
  return extent / by;
}

Dim divided(const Dim& extent, int64_t by, const char* what) {
  return extent.is_known() ? Dim(divided(extent.value(), by, what)) : floor_div(extent, Dim(by));
}

void infer_depth_to_space(InferContext& c) {
  const int64_t block = block_of(c);
  depth_first(c);
  const SymShape* shape = c.shape(0);
  if (!shape) return c.set_output(0, c.dtype(0), SymShape(4));
  check_image_rank(shape->size());
  const SymShape& s = *shape;
  c.set_output(0, c.dtype(0),
               SymShape{s[0], divided(s[1], block * block, "channels"), s[2] * Dim(block), s[3] * Dim(block)});
}

void infer_space_to_depth(InferContext& c) {
  const int64_t block = block_of(c);
  depth_first(c);
  const SymShape* shape = c.shape(0);
  if (!shape) return c.set_output(0, c.dtype(0), SymShape(4));
  check_image_rank(shape->size());
  const SymShape& s = *shape;
  c.set_output(
      0, c.dtype(0),
      SymShape{s[0], s[1] * Dim(block * block), divided(s[2], block, "rows"), divided(s[3], block, "columns")});
}

void eval_depth_to_space(EvalContext& c) {
  const Tensor& input = c.input(0);
  check_image_rank(input.shape().size());
  const int64_t b = block_of(c), n = input.dim(0), h = input.dim(2), w = input.dim(3);
  const int64_t depth = divided(input.dim(1), b * b, "channels");
  Tensor& output = c.output(0, input.dtype(), {n, depth, h * b, w * b});
  if (depth_first(c)) {
    permuted_copy(c, output, input, {n, b, b, depth, h, w}, std::vector<int64_t>{0, 3, 4, 1, 5, 2});
  } else {
    permuted_copy(c, output, input, {n, depth, b, b, h, w}, std::vector<int64_t>{0, 1, 4, 2, 5, 3});
  }
}

void eval_space_to_depth(EvalContext& c) {
  const Tensor& input = c.input(0);
  check_image_rank(input.shape().size());
  const int64_t b = block_of(c), n = input.dim(0), depth = input.dim(1);
  const int64_t h = divided(input.dim(2), b, "rows"), w = divided(input.dim(3), b, "columns");
  Tensor& output = c.output(0, input.dtype(), {n, depth * b * b, h, w});
  const Shape blocks{n, depth, h, b, w, b};
  const std::vector<int64_t> perm =
      depth_first(c) ? std::vector<int64_t>{0, 3, 5, 1, 2, 4} : std::vector<int64_t>{0, 1, 3, 5, 2, 4};
  permuted_copy(c, output, input, blocks, perm);
}

}  // namespace

extern const OpDef depth_to_space_op{"", "DepthToSpace", depth_to_space_versions, infer_depth_to_space,
                                     eval_depth_to_space};
extern const OpDef space_to_depth_op{"", "SpaceToDepth", space_to_depth_versions, infer_space_to_depth,
                                     eval_space_to_depth};

}  // namespace kiln::ops
