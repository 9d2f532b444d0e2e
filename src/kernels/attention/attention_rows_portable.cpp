#include "kernels/simd/vec_portable.hpp"

#include "kernels/attention/attention_rows_impl.hpp"

namespace kiln {

extern constinit const AttentionRowsTable attention_rows_table_portable = make_attention_rows_table<Isa::portable>();

}  // namespace kiln
