#include "kernels/copy/cast.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "kernels/layout.hpp"

namespace kiln {

extern const CastTable cast_table_portable, cast_table_avx2, cast_table_avx512;

const CastTable& cast_table(Isa isa) {
  switch (isa) {
    case Isa::avx512: return cast_table_avx512;
    case Isa::avx2: return cast_table_avx2;
    default: return cast_table_portable;
  }
}

namespace {

CastType cast_type(DType dtype) {
  switch (dtype) {
    case DType::f32: return CastType::f32;
    case DType::f64: return CastType::f64;
    case DType::i64: return CastType::i64;
    case DType::i32: return CastType::i32;
    case DType::u8: return CastType::u8;
    case DType::i8: return CastType::i8;
    case DType::boolean: return CastType::boolean;
    case DType::f16: return CastType::half;
    case DType::bf16: return CastType::brain;
    default: return CastType::count;
  }
}

CastFunction find_loop(DType from, DType to, Isa isa) {
  const CastType a = cast_type(from), b = cast_type(to);
  if (a == CastType::count || b == CastType::count) return nullptr;
  return cast_table(isa).loops[static_cast<int>(a)][static_cast<int>(b)];
}

}  // namespace

bool Cast::can(DType from, DType to) { return find_loop(from, to, Isa::portable) != nullptr; }

Cast::Cast(DType from, DType to, int64_t count, Isa isa)
    : from_bytes_(static_cast<int64_t>(dtype_size(from))),
      to_bytes_(static_cast<int64_t>(dtype_size(to))),
      count_(count),
      loop_(find_loop(from, to, isa)) {
  if (loop_ == nullptr) {
    fail(ErrorCode::unsupported, "no fast loop casts {} to {}", dtype_name(from), dtype_name(to));
  }
}

void Cast::run_part(int64_t part, int64_t parts, const void* from, void* to) const {
  constexpr int64_t grain = 64;
  const auto [first, last] = part_range(divide_up(count_, grain), part, parts);
  const int64_t begin = first * grain, end = std::min(last * grain, count_);
  if (begin < end) {
    loop_(static_cast<const char*>(from) + begin * from_bytes_, static_cast<char*>(to) + begin * to_bytes_,
          end - begin);
  }
}

}  // namespace kiln
