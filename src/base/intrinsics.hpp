#pragma once

// The compiler's own header, without what GCC says of its AVX-512 part: that makes undefined registers by reading
// variables that nobody set.
#pragma GCC diagnostic push
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
