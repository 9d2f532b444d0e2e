#include "kernels/simd/vec_avx512.hpp"

#include "kernels/attention/attention_rows_impl.hpp"

namespace kiln {

extern constinit const AttentionRowsTable attention_rows_table_avx512 = make_attention_rows_table<Isa::avx512>();

}  // namespace kiln
