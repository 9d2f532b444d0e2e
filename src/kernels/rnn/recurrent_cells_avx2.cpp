#include "kernels/simd/vec_avx2.hpp"

#include "kernels/rnn/recurrent_cells_impl.hpp"

namespace kiln {

extern constinit const RecurrentCellsTable recurrent_cells_table_avx2 = make_recurrent_cells_table<Isa::avx2>();

}  // namespace kiln
