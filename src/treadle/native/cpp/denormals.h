// How numbers too small for full precision are treated.
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace treadle {

// Numbers too small for full precision count as zero, as in XLA's own loops: they are slow, and a thread of the pool
// might treat them in another way than the caller.
struct FlushDenormals {
#if defined(__x86_64__)
    const unsigned before = _mm_getcsr();
    FlushDenormals() { _mm_setcsr(before | 0x8040); }
    ~FlushDenormals() { _mm_setcsr(before); }
#endif
};

}  // namespace treadle
