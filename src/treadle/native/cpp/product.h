// Products of a few rows with a panel of packed weights, held in registers while the depth goes by.
//
// A panel is VECTORS vectors wide. For every k along the depth its vectors lie together, so that the inner loop reads
// it from front to back.
#pragma once

#include "vector.h"

namespace treadle::TREADLE_ISA {

// The rows on the left: row r has its number k of segment s at rows[r][offset + s * segment + k * step].
struct Left {
    const float* const* rows;
    Index offset, step, segment;
};

// The panel on the right: vector v for k of segment s lies at at[s * segment + k * step + v * LANES].
struct Right {
    const float* at;
    Index step, segment;
};

// Where sums start and where they go, row by row: at rows[r] + offset.
struct From {
    const float* const* rows;
    Index offset;
};
struct To {
    float* const* rows;
    Index offset;
};

// As many rows as leave registers for one vector of the panel each and one number of the left.
template <int VECTORS>
constexpr int TILE_ROWS = (REGISTERS - (REGISTERS == 32 ? 5 : 3)) / VECTORS > 8
                              ? 8
                              : (REGISTERS - (REGISTERS == 32 ? 5 : 3)) / VECTORS;

// Numbers of the depth after which a panel is left for the next rows while it still lies in the first cache.
constexpr Index DEEP = 128;

template <int ROWS, int VECTORS>
[[gnu::noinline]] void tile(Index first, Left left, Right right, Index segments, Index depth, From from, To to) {
    Vector sum[ROWS][VECTORS];
    const float* row[ROWS];
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; ++r) {
        row[r] = left.rows[first + r] + left.offset;
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; ++v) sum[r][v] = load(from.rows[first + r] + from.offset + v * LANES);
    }
    Index s = 0;
    do {  // at least once: a loop that might not run keeps its sums in two places
        const float* panel = right.at + s * right.segment;
        Index at = s * left.segment;
        for (Index k = 0; k < depth; ++k, at += left.step, panel += right.step) {
            Vector weight[VECTORS];
#pragma GCC unroll 4
            for (int v = 0; v < VECTORS; ++v) weight[v] = load(panel + v * LANES);
#pragma GCC unroll 16
            for (int r = 0; r < ROWS; ++r) {
                Vector number = all(row[r][at]);
#pragma GCC unroll 4
                for (int v = 0; v < VECTORS; ++v) sum[r][v] += number * weight[v];
            }
        }
    } while (++s < segments);
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; ++v) store(to.rows[first + r] + to.offset + v * LANES, sum[r][v]);
}

// Cuts `count` rows into tiles of nearly equal height. A row's sums do not depend on the tile it falls into.
template <int VECTORS>
void tiles(Index count, Left left, Right right, Index segments, Index depth, From from, To to) {
    constexpr Index HIGHEST = TILE_ROWS<VECTORS>;
    for (Index first = 0; first < count;) {
        Index left_over = count - first;
        Index cuts = (left_over + HIGHEST - 1) / HIGHEST;
        Index height = (left_over + cuts - 1) / cuts;
        switch (height) {
            case 1: tile<1, VECTORS>(first, left, right, segments, depth, from, to); break;
            case 2: tile<2, VECTORS>(first, left, right, segments, depth, from, to); break;
            case 3: tile<3, VECTORS>(first, left, right, segments, depth, from, to); break;
            case 4: if constexpr (HIGHEST >= 4) tile<4, VECTORS>(first, left, right, segments, depth, from, to); break;
            case 5: if constexpr (HIGHEST >= 5) tile<5, VECTORS>(first, left, right, segments, depth, from, to); break;
            case 6: if constexpr (HIGHEST >= 6) tile<6, VECTORS>(first, left, right, segments, depth, from, to); break;
            case 7: if constexpr (HIGHEST >= 7) tile<7, VECTORS>(first, left, right, segments, depth, from, to); break;
            case 8: if constexpr (HIGHEST >= 8) tile<8, VECTORS>(first, left, right, segments, depth, from, to); break;
        }
        first += height;
    }
}

// to[r] = from[r] + left[r] times the panel, for `count` rows and a depth of segments * depth.
template <int VECTORS>
void multiply(Index count, Left left, Right right, Index segments, Index depth, From from, To to) {
    const From so_far = {to.rows, to.offset};
    if (segments == 1) {
        for (Index k = 0; k < depth || k == 0; k += DEEP) {
            Index deep = depth - k < DEEP ? depth - k : DEEP;
            Left piece = left;
            piece.offset += k * left.step;
            tiles<VECTORS>(count, piece, {right.at + k * right.step, right.step, 0}, 1, deep, k ? so_far : from, to);
        }
        return;
    }
    const Index together = depth < DEEP ? DEEP / depth : 1;
    for (Index s = 0; s < segments; s += together) {
        Index some = segments - s < together ? segments - s : together;
        Left piece = left;
        piece.offset += s * left.segment;
        Right panel = {right.at + s * right.segment, right.step, right.segment};
        tiles<VECTORS>(count, piece, panel, some, depth, s ? so_far : from, to);
    }
}

// A copy of rows with their numbers interleaved, for products whose depth runs over rows: tiles of `TILE` columns,
// within each all rows, within each the tile's numbers; columns past the last are zero.
template <int TILE>
void interleave(const float* const* rows, Index count, Index columns, float* to) {
    for (Index first = 0; first < columns; first += TILE) {
        if (columns - first >= TILE) {
            for (Index r = 0; r < count; ++r, to += TILE) std::memcpy(to, rows[r] + first, TILE * sizeof(float));
            continue;
        }
        for (Index r = 0; r < count; ++r)
            for (Index column = first; column < first + TILE; ++column)
                *to++ = column < columns ? rows[r][column] : 0.0f;
    }
}

}  // namespace treadle::TREADLE_ISA
