#include "kernels/simd/vec_portable.hpp"

#include "kernels/rnn/recurrent_cells_impl.hpp"

namespace kiln {

extern constinit const RecurrentCellsTable recurrent_cells_table_portable = make_recurrent_cells_table<Isa::portable>();

}  // namespace kiln
