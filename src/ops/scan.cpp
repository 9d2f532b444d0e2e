#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText scan_versions[] = {
    {8, "sequence_lens?:I initial_state_and_scan_inputs~:V -> final_state_and_scan_outputs~:V",
     "body!:graph directions:ints num_scan_inputs!:int",
     "I=i64 V=basic"},
    {9, "initial_state_and_scan_inputs~:V -> final_state_and_scan_outputs~:V",
     "body!:graph num_scan_inputs!:int scan_input_axes:ints scan_input_directions:ints scan_output_axes:ints "
     "scan_output_directions:ints",
     "V=basic"},
    {11, "initial_state_and_scan_inputs~:V -> final_state_and_scan_outputs~:V",
     "body!:graph num_scan_inputs!:int scan_input_axes:ints scan_input_directions:ints scan_output_axes:ints "
     "scan_output_directions:ints",
     "V=basic"},
    {16, "initial_state_and_scan_inputs~:V -> final_state_and_scan_outputs~:V",
     "body!:graph num_scan_inputs!:int scan_input_axes:ints scan_input_directions:ints scan_output_axes:ints "
     "scan_output_directions:ints",
     "V=basic,bf16"},
    {19, "initial_state_and_scan_inputs~:V -> final_state_and_scan_outputs~:V",
     "body!:graph num_scan_inputs!:int scan_input_axes:ints scan_input_directions:ints scan_output_axes:ints "
     "scan_output_directions:ints",
     "V=basic,float8,bf16"},
    {21, "initial_state_and_scan_inputs~:V -> final_state_and_scan_outputs~:V",
     "body!:graph num_scan_inputs!:int scan_input_axes:ints scan_input_directions:ints scan_output_axes:ints "
     "scan_output_directions:ints",
     "V=basic,float8,bf16,u4,i4"},
    {23, "initial_state_and_scan_inputs~:V -> final_state_and_scan_outputs~:V",
     "body!:graph num_scan_inputs!:int scan_input_axes:ints scan_input_directions:ints scan_output_axes:ints "
     "scan_output_directions:ints",
     "V=basic,float8,bf16,u4,i4,f4e2m1"},
    {24, "initial_state_and_scan_inputs~:V -> final_state_and_scan_outputs~:V",
     "body!:graph num_scan_inputs!:int scan_input_axes:ints scan_input_directions:ints scan_output_axes:ints "
     "scan_output_directions:ints",
     "V=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0"},
    {25, "initial_state_and_scan_inputs~:V -> final_state_and_scan_outputs~:V",
     "body!:graph num_scan_inputs!:int scan_input_axes:ints scan_input_directions:ints scan_output_axes:ints "
     "scan_output_directions:ints",
     "V=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2"},
};

}  // namespace

extern const OpDef scan_op{"", "Scan", scan_versions};

}  // namespace kiln::ops
