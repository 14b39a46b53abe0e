// Vectors of the instruction set this file is compiled for, and the functions that gates need of them.
//
// Only the compiler's vector extensions, and nothing of the standard library: a function shared with code for another
// instruction set could be linked from here and fail on a processor that lacks this one.
#pragma once

#include <cstdint>
#include <cstring>

#include "recurrence.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace treadle::TREADLE_ISA {

#if defined(__AVX512F__)
constexpr int LANES = 16, REGISTERS = 32;
#elif defined(__AVX2__)
constexpr int LANES = 8, REGISTERS = 16;
#elif defined(__aarch64__)
constexpr int LANES = 4, REGISTERS = 32;
#else
constexpr int LANES = 4, REGISTERS = 16;
#endif

using Vector = float __attribute__((vector_size(LANES * sizeof(float))));
using Integers = std::int32_t __attribute__((vector_size(LANES * sizeof(float))));

inline Vector load(const float* from) {
    Vector vector;
    std::memcpy(&vector, from, sizeof vector);
    return vector;
}

inline void store(float* to, Vector vector) { std::memcpy(to, &vector, sizeof vector); }

inline Vector load_first(const float* from, Index count) {
    if (count >= LANES) return load(from);
    Vector vector = {};
    for (Index lane = 0; lane < count; ++lane) vector[lane] = from[lane];
    return vector;
}

inline void store_first(float* to, Vector vector, Index count) {
    if (count >= LANES) return store(to, vector);
    for (Index lane = 0; lane < count; ++lane) to[lane] = vector[lane];
}

// Asks for numbers that will be read soon, and are not in the nearer caches.
inline void fetch(const float* from, Index count) {
    constexpr Index LINE = 64 / sizeof(float);
    for (Index at = 0; at < count; at += LINE) __builtin_prefetch(from + at, 0, 2);
}

// Stores what will be read when much else has gone through the caches: it need not go through them itself.
inline void put_away(float* to, Vector vector) {
#if defined(__AVX512F__) || defined(__AVX2__)
    if (reinterpret_cast<std::uintptr_t>(to) % sizeof vector == 0) {
#if defined(__AVX512F__)
        _mm512_stream_ps(to, reinterpret_cast<__m512>(vector));
#else
        _mm256_stream_ps(to, reinterpret_cast<__m256>(vector));
#endif
        return;
    }
#endif
    store(to, vector);
}

// Until then, other threads may not find what was put away.
inline void settle() {
#if defined(__AVX512F__) || defined(__AVX2__)
    _mm_sfence();
#endif
}

inline Vector all(float number) { return number - Vector{}; }

// A comparison with NaN is false, so NaN stays NaN: a training that went wrong must not look well.
inline Vector within(Vector x, float limit) {
    Vector upper = all(limit) < x ? all(limit) : x;
    return all(-limit) > upper ? all(-limit) : upper;
}

// e^x = power + scaled with power = 2^n for a whole n, so that e^x - 1 = (power - 1) + scaled keeps its digits near 0.
struct Exponential {
    Vector power, scaled;
};

// For x in [-87, 87]. The polynomial is the Chebyshev fit of (e^r - 1 - r) / r^2 on |r| <= log(2) / 2; e^r is within
// 2e-8 of it.
inline Exponential exponential(Vector x) {
    const float round = 12582912.0f;  // 1.5 * 2^23: adding it leaves a whole number in the lowest bits
    Vector shifted = x * 1.44269504f + round;
    Vector n = shifted - round;
    Vector r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    Vector fit = r * 1.3933733571e-3f + 8.3632357418e-3f;
    fit = fit * r + 4.1666463018e-2f;
    fit = fit * r + 1.6666576266e-1f;
    fit = fit * r + 0.5f;
    Vector beyond_one = fit * (r * r) + r;
    Vector power = reinterpret_cast<Vector>((reinterpret_cast<Integers>(shifted) << 23) + (127 << 23));
    return {power, power * beyond_one};
}

inline Vector sigmoid(Vector x) {
    Exponential e = exponential(within(-x, 87.0f));
    return 1.0f / ((1.0f + e.power) + e.scaled);
}

inline Vector tanh(Vector x) {
    Exponential e = exponential(within(x + x, 20.0f));
    Vector beyond_one = (e.power - 1.0f) + e.scaled;
    return beyond_one / (beyond_one + 2.0f);
}

}  // namespace treadle::TREADLE_ISA
