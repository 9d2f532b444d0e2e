#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText sequence_at_versions[] = {
    {11, "input_sequence:S position:I -> tensor:T", "", "S=seq(basic) T=basic I=i32,i64"},
};

constexpr SchemaText sequence_construct_versions[] = {
    {11, "inputs*:T -> output_sequence:S", "", "T=basic S=seq(basic)"},
};

constexpr SchemaText sequence_empty_versions[] = {
    {11, "-> output:S", "dtype:int", "S=seq(basic)"},
};

constexpr SchemaText sequence_erase_versions[] = {
    {11, "input_sequence:S position?:I -> output_sequence:S", "", "S=seq(basic) I=i32,i64"},
};

constexpr SchemaText sequence_insert_versions[] = {
    {11, "input_sequence:S tensor:T position?:I -> output_sequence:S", "", "T=basic S=seq(basic) I=i32,i64"},
};

constexpr SchemaText sequence_length_versions[] = {
    {11, "input_sequence:S -> length:I", "", "S=seq(basic) I=i64"},
};

}  // namespace

extern const OpDef sequence_at_op{"", "SequenceAt", sequence_at_versions};
extern const OpDef sequence_construct_op{"", "SequenceConstruct", sequence_construct_versions};
extern const OpDef sequence_empty_op{"", "SequenceEmpty", sequence_empty_versions};
extern const OpDef sequence_erase_op{"", "SequenceErase", sequence_erase_versions};
extern const OpDef sequence_insert_op{"", "SequenceInsert", sequence_insert_versions};
extern const OpDef sequence_length_op{"", "SequenceLength", sequence_length_versions};

}  // namespace kiln::ops
