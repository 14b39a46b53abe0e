// Weights laid out in the order in which the products read them, and gradients laid back.
#pragma once

#include <new>

#include "cells.h"
#include "product.h"

namespace treadle::TREADLE_ISA {

// Aligned memory that is not cleared.
template <class T>
class Scratch {
public:
    explicit Scratch(Index count)
        : memory_(static_cast<T*>(::operator new((count + 1) * sizeof(T), std::align_val_t(64)))) {}
    ~Scratch() { ::operator delete(memory_, std::align_val_t(64)); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    operator T*() const { return memory_; }

private:
    T* memory_;
};

inline void clear(float* at, Index count) {
    if (count > 0) std::memset(at, 0, count * sizeof(float));
}

inline void copy(float* to, const float* from, Index count) {
    if (count > 0) std::memcpy(to, from, count * sizeof(float));
}

inline Index blocks_of(Index count, Index block) { return (count + block - 1) / block; }

// The numbers from 0 to count that one of several threads takes.
struct Part {
    Part(Index count, Index parts, Index index) : first(count * index / parts), last(count * (index + 1) / parts) {}

    Index first, last;
};

// How a cell's rows and panels are laid out, in floats.
template <class Cell>
struct Layout {
    static constexpr Index UNITS = Cell::UNIT_VECTORS * LANES;         // units of a block
    static constexpr int PANEL_VECTORS = Cell::GATES * Cell::UNIT_VECTORS;
    static constexpr Index PANEL = PANEL_VECTORS * LANES;              // a block's gates as the products see them
    static constexpr Index BLOCK = Cell::SLOTS * UNITS;                // a block's slots
    static constexpr Index RECURRENT = Cell::RECURRENT_SLOT * UNITS;   // where the recurrent product adds

    explicit Layout(Index units)
        : padded_units(blocks_of(units, Cell::UNIT_VECTORS * WIDEST) * Cell::UNIT_VECTORS * WIDEST),
          blocks(padded_units / UNITS),
          row(blocks * BLOCK) {}

    Index padded_units, blocks, row;
};

// (depth, gates * units) -> [block][k][gate][unit], zero where a block goes past the last unit.
template <class Cell>
void pack_panels(const float* weight, Index depth, Index units, const int* gate_of, float* to) {
    constexpr Index UNITS = Layout<Cell>::UNITS;
    for (Index block = 0; block < Layout<Cell>(units).blocks; ++block) {
        Index some = units - block * UNITS < UNITS ? units - block * UNITS : UNITS;
        if (some < 0) some = 0;
        for (Index k = 0; k < depth; ++k)
            for (int gate = 0; gate < Cell::GATES; ++gate, to += UNITS) {
                copy(to, weight + (k * Cell::GATES + gate_of[gate]) * units + block * UNITS, some);
                clear(to + some, UNITS - some);
            }
    }
}

// The inverse, of the sum of `copies` that lie `stride` apart: [block][k][gate][unit] -> (depth, gates * units).
// A block has `padded` k's, of which those past the depth are left out.
template <class Cell>
void unpack_panels(const float* panels, Index copies, Index stride, Index depth, Index padded, Index units,
                   const int* gate_of, float* weight) {
    constexpr Index UNITS = Layout<Cell>::UNITS;
    for (Index block = 0; block < Layout<Cell>(units).blocks; ++block) {
        const float* from = panels + block * padded * Layout<Cell>::PANEL;
        for (Index k = 0; k < depth; ++k)
            for (int gate = 0; gate < Cell::GATES; ++gate, from += UNITS)
                for (Index first = 0; first < UNITS && block * UNITS + first < units; first += LANES) {
                    Vector sum = load(from + first);
                    for (Index more = 1; more < copies; ++more) sum += load(from + first + more * stride);
                    Index unit = block * UNITS + first;
                    store_first(weight + (k * Cell::GATES + gate_of[gate]) * units + unit, sum, units - unit);
                }
    }
}

// How wide to cut the panels of a transposed weight: the widest that pads least.
inline int transposed_vectors(Index columns) {
    Index vectors = blocks_of(columns, LANES);
    int best = 4;
    for (int width = 3; width >= 2; --width)
        if (blocks_of(vectors, width) * width < blocks_of(vectors, best) * best) best = width;
    return best;
}

// (columns, gates * units) -> [panel of columns][block][gate][unit][column], zero past the last column and unit.
template <class Cell>
void pack_transposed(const float* weight, Index columns, Index units, const int* gate_of, float* to) {
    constexpr Index UNITS = Layout<Cell>::UNITS, PANEL = Layout<Cell>::PANEL;
    const Index blocks = Layout<Cell>(units).blocks, width = transposed_vectors(columns) * LANES;
    clear(to, blocks_of(columns, width) * width * blocks * PANEL);
    for (Index column = 0; column < columns; ++column) {
        float* panel = to + column / width * width * blocks * PANEL + column % width;
        for (int gate = 0; gate < Cell::GATES; ++gate) {
            const float* row = weight + (column * Cell::GATES + gate_of[gate]) * units;
            for (Index unit = 0; unit < units; ++unit)
                panel[(unit / UNITS * PANEL + gate * UNITS + unit % UNITS) * width] = row[unit];
        }
    }
}

// Per-unit vectors, (count, units) -> (count, padded units).
inline void pack_vectors(const float* vectors, Index count, Index units, Index padded, float* to) {
    for (Index which = 0; which < count; ++which) {
        copy(to + which * padded, vectors + which * units, units);
        clear(to + which * padded + units, padded - units);
    }
}

// Where the rows of a shard stand at each step.
struct Walk {
    const Shard& shard;
    Index batch;
    bool reverse;

    Index longest() const { return shard.rows ? shard.length[0] : 0; }
    // Rows that are not yet at their end at a step: always the first of the shard.
    Index active(Index step) const {
        Index rows = shard.rows;
        while (rows > 0 && shard.length[rows - 1] <= step) --rows;
        return rows;
    }
    // Which row of a (steps, batch) array is read at a step.
    Index place(Index step, Index i) const {
        Index time = reverse ? shard.length[i] - 1 - step : step;
        return time * batch + shard.row[i];
    }
};

// Rows that are worked on together before the next steps, few enough for the second cache.
constexpr Index CHUNK = 128;

inline Index chunk_steps(Index rows) { return rows && rows < CHUNK ? CHUNK / rows : 1; }

}  // namespace treadle::TREADLE_ISA
