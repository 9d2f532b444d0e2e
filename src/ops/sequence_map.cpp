#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText sequence_map_versions[] = {
    {17, "input_sequence:S additional_inputs~0:V -> out_sequence~:S",
     "body!:graph",
     "S=seq(basic) V=basic,seq(basic)"},
};

}  // namespace

extern const OpDef sequence_map_op{"", "SequenceMap", sequence_map_versions};

}  // namespace kiln::ops
