#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText reduce_l1_versions[] = {
    {1, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {11, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {13, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64,bf16"},
    {18, "data:T axes?:i64 -> reduced:T",
     "keepdims:int=1 noop_with_empty_axes:int=0",
     "T=real,u32,u64,i32,i64,bf16"},
};

constexpr SchemaText reduce_l2_versions[] = {
    {1, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {11, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {13, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64,bf16"},
    {18, "data:T axes?:i64 -> reduced:T",
     "keepdims:int=1 noop_with_empty_axes:int=0",
     "T=real,u32,u64,i32,i64,bf16"},
};

constexpr SchemaText reduce_log_sum_versions[] = {
    {1, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {11, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {13, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64,bf16"},
    {18, "data:T axes?:i64 -> reduced:T",
     "keepdims:int=1 noop_with_empty_axes:int=0",
     "T=real,u32,u64,i32,i64,bf16"},
    {28, "data:T axes?:i64 -> reduced:T", "keepdims:int=1 noop_with_empty_axes:int=0", "T=real,bf16"},
};

constexpr SchemaText reduce_log_sum_exp_versions[] = {
    {1, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {11, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {13, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64,bf16"},
    {18, "data:T axes?:i64 -> reduced:T",
     "keepdims:int=1 noop_with_empty_axes:int=0",
     "T=real,u32,u64,i32,i64,bf16"},
    {28, "data:T axes?:i64 -> reduced:T", "keepdims:int=1 noop_with_empty_axes:int=0", "T=real,bf16"},
};

constexpr SchemaText reduce_max_versions[] = {
    {1, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {11, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {12, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64,u8,i8"},
    {13, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64,bf16,u8,i8"},
    {18, "data:T axes?:i64 -> reduced:T",
     "keepdims:int=1 noop_with_empty_axes:int=0",
     "T=real,u32,u64,i32,i64,bf16,u8,i8"},
    {20, "data:T axes?:i64 -> reduced:T",
     "keepdims:int=1 noop_with_empty_axes:int=0",
     "T=real,u32,u64,i32,i64,bf16,u8,i8,bool"},
};

constexpr SchemaText reduce_mean_versions[] = {
    {1, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {11, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {13, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64,bf16"},
    {18, "data:T axes?:i64 -> reduced:T",
     "keepdims:int=1 noop_with_empty_axes:int=0",
     "T=real,u32,u64,i32,i64,bf16"},
};

constexpr SchemaText reduce_min_versions[] = {
    {1, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {11, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {12, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64,u8,i8"},
    {13, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64,bf16,u8,i8"},
    {18, "data:T axes?:i64 -> reduced:T",
     "keepdims:int=1 noop_with_empty_axes:int=0",
     "T=real,u32,u64,i32,i64,bf16,u8,i8"},
    {20, "data:T axes?:i64 -> reduced:T",
     "keepdims:int=1 noop_with_empty_axes:int=0",
     "T=real,u32,u64,i32,i64,bf16,u8,i8,bool"},
};

constexpr SchemaText reduce_prod_versions[] = {
    {1, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {11, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {13, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64,bf16"},
    {18, "data:T axes?:i64 -> reduced:T",
     "keepdims:int=1 noop_with_empty_axes:int=0",
     "T=real,u32,u64,i32,i64,bf16"},
};

constexpr SchemaText reduce_sum_versions[] = {
    {1, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {11, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {13, "data:T axes?:i64 -> reduced:T",
     "keepdims:int=1 noop_with_empty_axes:int=0",
     "T=real,u32,u64,i32,i64,bf16"},
};

constexpr SchemaText reduce_sum_square_versions[] = {
    {1, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {11, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64"},
    {13, "data:T -> reduced:T", "axes:ints keepdims:int=1", "T=real,u32,u64,i32,i64,bf16"},
    {18, "data:T axes?:i64 -> reduced:T",
     "keepdims:int=1 noop_with_empty_axes:int=0",
     "T=real,u32,u64,i32,i64,bf16"},
};

}  // namespace

extern const OpDef reduce_l1_op{"", "ReduceL1", reduce_l1_versions};
extern const OpDef reduce_l2_op{"", "ReduceL2", reduce_l2_versions};
extern const OpDef reduce_log_sum_op{"", "ReduceLogSum", reduce_log_sum_versions};
extern const OpDef reduce_log_sum_exp_op{"", "ReduceLogSumExp", reduce_log_sum_exp_versions};
extern const OpDef reduce_max_op{"", "ReduceMax", reduce_max_versions};
extern const OpDef reduce_mean_op{"", "ReduceMean", reduce_mean_versions};
extern const OpDef reduce_min_op{"", "ReduceMin", reduce_min_versions};
extern const OpDef reduce_prod_op{"", "ReduceProd", reduce_prod_versions};
extern const OpDef reduce_sum_op{"", "ReduceSum", reduce_sum_versions};
extern const OpDef reduce_sum_square_op{"", "ReduceSumSquare", reduce_sum_square_versions};

}  // namespace kiln::ops
