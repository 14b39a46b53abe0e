// What the backward pass of all rows shares: weights, sums of gradients, and the products of slots with both.
#pragma once

#include "pack.h"

namespace treadle::TREADLE_ISA {

template <class Cell>
struct BackwardWeights {
    explicit BackwardWeights(const Backward& task)
        : layout(task.sizes.units),
          input_vectors(transposed_vectors(task.sizes.features)),
          recurrent_vectors(transposed_vectors(task.sizes.units)),
          input_panels(blocks_of(task.sizes.features, input_vectors * LANES)),
          recurrent_panels(blocks_of(task.sizes.units, recurrent_vectors * LANES)),
          input(input_panels * input_vectors * LANES * layout.blocks * Layout<Cell>::PANEL),
          recurrent(recurrent_panels * recurrent_vectors * LANES * layout.blocks * Layout<Cell>::PANEL),
          vectors(layout.padded_units * Cell::VECTORS) {
        const Sizes& sizes = task.sizes;
        pack_transposed<Cell>(task.weights.input, sizes.features, sizes.units, Cell::INPUT_GATE, input);
        pack_transposed<Cell>(task.weights.recurrent, sizes.units, sizes.units, Cell::RECURRENT_GATE, recurrent);
        pack_vectors(task.weights.vectors, Cell::VECTORS, sizes.units, layout.padded_units, vectors);
    }

    Layout<Cell> layout;
    int input_vectors, recurrent_vectors;  // width of the transposed panels
    Index input_panels, recurrent_panels;
    Scratch<float> input, recurrent, vectors;
};

// Gradients of the weights, in the order of packed panels; one for every shard, so that no two threads add to one.
template <class Cell>
struct Gradients {
    explicit Gradients(const Sizes& sizes)
        : layout(sizes.units),
          recurrent(layout.blocks * Layout<Cell>::PANEL * depth_of(sizes.features)),
          bias(recurrent + layout.blocks * Layout<Cell>::PANEL * depth_of(sizes.units)),
          vectors(bias + layout.blocks * Layout<Cell>::PANEL),
          size(vectors + layout.padded_units * Cell::VECTORS) {}

    // The depth is padded to whole tiles.
    static Index depth_of(Index columns) { return blocks_of(columns, TILE) * TILE; }

    static constexpr int TILE = TILE_ROWS<Layout<Cell>::PANEL_VECTORS>;
    Layout<Cell> layout;
    Index recurrent, bias, vectors, size;  // where each begins; the input's at 0
};

// Gradients of the slots of a chunk's places, and their products.
template <class Cell>
class Slots {
    using Lay = Layout<Cell>;

public:
    Slots(const Sizes& sizes, const BackwardWeights<Cell>& weights, Index places)
        : sizes(sizes), weights(weights), gradients(sizes), blocks(weights.layout.blocks), places(places),
          slots(places * weights.layout.row), zeros(4 * LANES),
          left(places * Gradients<Cell>::depth_of(sizes.features > sizes.units ? sizes.features : sizes.units)),
          tail(places * 4 * LANES), slot_rows(places), from_rows(places), tail_rows(places) {
        clear(zeros, 4 * LANES);
        for (Index place = 0; place < places; ++place) {
            slot_rows[place] = at(0, place);
            from_rows[place] = zeros;
            tail_rows[place] = tail + place * 4 * LANES;
        }
    }

    // Those of a block lie together for all places: [block][place][slot], as the products want them.
    float* at(Index block, Index place) const { return slots + (block * places + place) * Lay::BLOCK; }

    // Products whose depth runs over the gates of all blocks, of `rows` places from `first` on; of each, the slots from
    // `offset` on.
    void multiply_slots(int vectors, Index first, Index rows, Index offset, const float* panel, From from, To to) const {
        const Left left = {slot_rows + first, offset, 1, places * Lay::BLOCK};
        const Right right = {panel, vectors * LANES, Lay::PANEL * vectors * LANES};
        switch (vectors) {
            case 2: return multiply<2>(rows, left, right, blocks, Lay::PANEL, from, to);
            case 3: return multiply<3>(rows, left, right, blocks, Lay::PANEL, from, to);
            default: return multiply<4>(rows, left, right, blocks, Lay::PANEL, from, to);
        }
    }

    // What the first `count` places give to weights and bias of the inputs, and to the inputs `xs` themselves, where
    // `d_xs` is not null.
    void add_inputs(Index count, const float* const* xs, float* const* d_xs, float* gradient) const {
        if (d_xs) multiply_to_inputs(count, d_xs);
        add_products(count, xs, sizes.features, 0, gradient);
        for (Index block = 0; block < blocks; ++block)
            for (int v = 0; v < Lay::PANEL_VECTORS; ++v) {
                float* sum_at = gradient + gradients.bias + block * Lay::PANEL + v * LANES;
                Vector sum = load(sum_at);
                for (Index place = 0; place < count; ++place) sum += load(at(block, place) + v * LANES);
                store(sum_at, sum);
            }
    }

    // Adds the products of rows, transposed, with the slots from `offset` on.
    void add_products(Index count, const float* const* rows, Index columns, Index offset, float* sums) const {
        constexpr int TILE = Gradients<Cell>::TILE;
        const Index depth = Gradients<Cell>::depth_of(columns);
        interleave<TILE>(rows, count, columns, left);
        const float* from[TILE];
        float* to[TILE];
        for (Index block = 0; block < blocks; ++block)
            for (Index column = 0; column < columns; column += TILE) {
                for (int r = 0; r < TILE; ++r) {
                    from[r] = left + column * count + r;
                    to[r] = sums + (block * depth + column + r) * Lay::PANEL;
                }
                tile<TILE, Lay::PANEL_VECTORS>(0, {from, 0, TILE, 0}, {at(block, 0) + offset, Lay::BLOCK, 0}, 1, count,
                                               {to, 0}, {to, 0});
            }
    }

private:
    void multiply_to_inputs(Index count, float* const* d_xs) const {
        const Index width = weights.input_vectors * LANES;
        for (Index panel = 0; panel < weights.input_panels; ++panel) {
            const Index first = panel * width, some = sizes.features - first < width ? sizes.features - first : width;
            const To to = some < width ? To{tail_rows, 0} : To{d_xs, first};
            multiply_slots(weights.input_vectors, 0, count, 0, weights.input + first * blocks * Lay::PANEL, {from_rows, 0},
                        to);
            for (Index place = 0; some < width && place < count; ++place)
                copy(d_xs[place] + first, tail_rows[place], some);
        }
    }

    const Sizes& sizes;
    const BackwardWeights<Cell>& weights;
    const Gradients<Cell> gradients;
    const Index blocks, places;
    Scratch<float> slots, zeros, left, tail;
    Scratch<const float*> slot_rows, from_rows;
    Scratch<float*> tail_rows;
};

}  // namespace treadle::TREADLE_ISA
