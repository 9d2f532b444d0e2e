#include "kernels/simd/vec_avx512.hpp"

#include "kernels/rnn/recurrent_cells_impl.hpp"

namespace kiln {

extern constinit const RecurrentCellsTable recurrent_cells_table_avx512 = make_recurrent_cells_table<Isa::avx512>();

}  // namespace kiln
