#include "kernels/simd/vec_avx2.hpp"

#include "kernels/attention/attention_rows_impl.hpp"

namespace kiln {

extern constinit const AttentionRowsTable attention_rows_table_avx2 = make_attention_rows_table<Isa::avx2>();

}  // namespace kiln
