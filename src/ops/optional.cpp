#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText optional_versions[] = {
    {15, "input?:V -> output:O", "type:type", "V=basic,seq(basic) O=optional_seq(basic),optional(basic)"},
    {28, "input?:V -> output:O",
     "type:type",
     "V=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2,seq(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,"
     "u2,i2,f6e2m3,f6e3m2) O=optional(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2),"
     "optional_seq(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2)"},
};

constexpr SchemaText optional_get_element_versions[] = {
    {15, "input:O -> output:V", "", "O=optional_seq(basic),optional(basic) V=basic,seq(basic)"},
    {18, "input:O -> output:V", "", "O=optional_seq(basic),optional(basic),basic,seq(basic) V=basic,seq(basic)"},
    {28, "input:O -> output:V",
     "",
     "O=optional(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2),optional_seq(basic,float8,bf16,u4,"
     "i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2),basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2,"
     "seq(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2) V=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,"
     "u2,i2,f6e2m3,f6e3m2,seq(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2)"},
};

constexpr SchemaText optional_has_element_versions[] = {
    {15, "input:O -> output:B", "", "O=optional_seq(basic),optional(basic) B=bool"},
    {18, "input?:O -> output:B", "", "O=optional_seq(basic),optional(basic),basic,seq(basic) B=bool"},
    {28, "input?:O -> output:B",
     "",
     "O=optional(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2),optional_seq(basic,float8,bf16,u4,"
     "i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2),basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2,"
     "seq(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2,f6e2m3,f6e3m2) B=bool"},
};

}  // namespace

extern const OpDef optional_op{"", "Optional", optional_versions};
extern const OpDef optional_get_element_op{"", "OptionalGetElement", optional_get_element_versions};
extern const OpDef optional_has_element_op{"", "OptionalHasElement", optional_has_element_versions};

}  // namespace kiln::ops
