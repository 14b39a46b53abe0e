// The backward pass of some rows of a batch through all their steps, and the gradients of the weights from them.
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

template <class Cell>
class BackwardPass {
    using Lay = Layout<Cell>;

public:
    BackwardPass(const Backward& task, const BackwardWeights<Cell>& weights, const Shard& shard, float* gradient)
        : task(task), weights(weights), layout(weights.layout), gradients(task.sizes), shard(shard),
          walk{shard, task.sizes.batch, task.reverse},
          steps_together(chunk_steps(shard.rows)), places(steps_together * shard.rows),
          hidden_width(weights.recurrent_panels * weights.recurrent_vectors * LANES), gradient(gradient),
          d_slots(places * layout.row), d_hidden(shard.rows * hidden_width),
          d_masked(task.mask ? shard.rows * hidden_width : 0),
          d_memory(Cell::MEMORY ? shard.rows * layout.padded_units : 0), zeros(4 * LANES),
          left(places * Gradients<Cell>::depth_of(larger(task.sizes.features, task.sizes.units))),
          masked(task.mask ? places * task.sizes.units : 0), tail(places * 4 * LANES),
          left_rows(larger(places, Gradients<Cell>::TILE)), from_rows(places), to_rows(places) {}

    void run() {
        start();
        const Index chunks = blocks_of(walk.longest(), steps_together);
        for (Index chunk = chunks - 1; chunk >= 0; --chunk) {
            const Index first = chunk * steps_together;
            const Index last = first + steps_together < walk.longest() ? first + steps_together : walk.longest();
            count = 0;
            for (Index step = first; step < last; ++step) count += walk.active(step);
            Index base = count;
            for (Index step = last - 1; step >= first; --step) {
                const Index rows = walk.active(step);
                base -= rows;
                close_gates(step, rows, base);
                step_back(rows, base);
            }
            add_up(first, last);
        }
        finish();
    }

private:
    static Index larger(Index a, Index b) { return a > b ? a : b; }

    void start() {
        const Index units = task.sizes.units;
        clear(gradient, gradients.size);
        clear(zeros, 4 * LANES);
        for (Index i = 0; i < shard.rows; ++i) {
            pack_vectors(task.d_h + shard.row[i] * units, 1, units, hidden_width, d_hidden + i * hidden_width);
            if (Cell::MEMORY)
                pack_vectors(task.d_c + shard.row[i] * units, 1, units, layout.padded_units, memory_row(i));
        }
    }

    // Slots of a block lie together for all places of a chunk: [block][place][slot], as the products want them.
    float* slot_at(Index block, Index place) { return d_slots + (block * places + place) * Lay::BLOCK; }

    // Gradients of a step's sums, from those of its states.
    void close_gates(Index step, Index rows, Index base) {
        for (Index block = 0; block < layout.blocks; ++block)
            for (Index i = 0; i < rows; ++i)
                for (int u = 0; u < Cell::UNIT_VECTORS; ++u) {
                    const Index unit = block * Lay::UNITS + u * LANES;
                    float* d_slot = slot_at(block, base + i) + u * LANES;
                    if (unit < task.sizes.units)
                        close_unit(step, i, unit, d_slot);
                    else
                        for (int s = 0; s < Cell::SLOTS; ++s) store(d_slot + s * Lay::UNITS, Vector{});
                }
    }

    void close_unit(Index step, Index i, Index unit, float* d_slot) {
        const Index units = task.sizes.units, some = units - unit;
        const Index kept = step * task.sizes.batch + shard.row[i], place = walk.place(step, i) * units + unit;
        Unit at = {};
        if (Cell::KEEPS) {
            const float* slot = task.gates + kept * layout.row + unit / Lay::UNITS * Lay::BLOCK + unit % Lay::UNITS;
            for (int s = 0; s < Cell::SLOTS; ++s) at.slot[s] = load(slot + s * Lay::UNITS);
        }
        if (Cell::MEMORY) {
            at.c = load(task.cells + kept * layout.padded_units + unit);
            at.c_before = step ? load(task.cells + (kept - task.sizes.batch) * layout.padded_units + unit)
                               : load_first(task.c0 + shard.row[i] * units + unit, some);
        }
        at.h = load_first(task.outputs + place, some);
        at.h_before = load_first(hidden_before(step, i) + unit, some);
        Vector vectors[Cell::VECTORS + 1], d_vectors[Cell::VECTORS + 1], d_out[Cell::SLOTS], d_c = {};
        float* d_vectors_at = gradient + gradients.vectors + unit;
        for (int v = 0; v < Cell::VECTORS; ++v) {
            vectors[v] = load(weights.vectors + v * layout.padded_units + unit);
            d_vectors[v] = load(d_vectors_at + v * layout.padded_units);
        }
        at.vectors = vectors;

        float* d_h = d_hidden + i * hidden_width + unit;
        if (Cell::MEMORY) d_c = load(memory_row(i) + unit);
        Vector d_state = load(d_h);
        if (task.d_outputs) d_state += load_first(task.d_outputs + place, some);
        const Vector direct = Cell::backward(at, d_state, d_c, d_out, d_vectors);
        if (Cell::DIRECT) store(d_h, direct);
        if (Cell::MEMORY) store(memory_row(i) + unit, d_c);
        for (int s = 0; s < Cell::SLOTS; ++s) store(d_slot + s * Lay::UNITS, d_out[s]);
        for (int v = 0; v < Cell::VECTORS; ++v) store(d_vectors_at + v * layout.padded_units, d_vectors[v]);
    }

    const float* hidden_before(Index step, Index i) const {
        return step ? task.outputs + walk.place(step - 1, i) * task.sizes.units
                    : task.h0 + shard.row[i] * task.sizes.units;
    }

    // The gradient of the hidden state one step earlier.
    void step_back(Index rows, Index base) {
        for (Index i = 0; i < rows; ++i) {
            left_rows[i] = slot_at(0, base + i) + Lay::RECURRENT;
            to_rows[i] = (task.mask ? d_masked : d_hidden) + i * hidden_width;
            from_rows[i] = Cell::DIRECT && !task.mask ? to_rows[i] : zeros;
        }
        const bool going_on = Cell::DIRECT && !task.mask;
        const Index width = weights.recurrent_vectors * LANES;
        for (Index panel = 0; panel < weights.recurrent_panels; ++panel)
            multiply_slots(weights.recurrent_vectors, rows, weights.recurrent + panel * width * layout.blocks * Lay::PANEL,
                           {from_rows, going_on ? panel * width : 0}, {to_rows, panel * width});
        if (task.mask) add_masked(rows);
    }

    void add_masked(Index rows) {
        for (Index i = 0; i < rows; ++i) {
            const float* mask = task.mask + shard.row[i] * task.sizes.units;
            float *d_h = d_hidden + i * hidden_width, *d = d_masked + i * hidden_width;
            for (Index unit = 0; unit < task.sizes.units; ++unit)
                d_h[unit] = mask[unit] * d[unit] + (Cell::DIRECT ? d_h[unit] : 0.0f);
        }
    }

    // Products whose depth runs over the gates of all blocks; the rows are those of left_rows.
    void multiply_slots(int vectors, Index rows, const float* panel, From from, To to) {
        const Left left = {left_rows, 0, 1, places * Lay::BLOCK};
        const Right right = {panel, vectors * LANES, Lay::PANEL * vectors * LANES};
        switch (vectors) {
            case 2: return multiply<2>(rows, left, right, layout.blocks, Lay::PANEL, from, to);
            case 3: return multiply<3>(rows, left, right, layout.blocks, Lay::PANEL, from, to);
            default: return multiply<4>(rows, left, right, layout.blocks, Lay::PANEL, from, to);
        }
    }

    // What the places of a chunk give to the gradients of inputs and weights.
    void add_up(Index first, Index last) {
        const Index features = task.sizes.features, units = task.sizes.units;
        if (task.d_xs) multiply_to_inputs(first, last);
        gather(first, last, [&](Index step, Index i, Index) { return task.xs + walk.place(step, i) * features; });
        add_products(features, 0, gradient);
        gather(first, last, [&](Index step, Index i, Index place) {
            const float* h = hidden_before(step, i);
            if (!task.mask) return h;
            const float* mask = task.mask + shard.row[i] * units;
            float* to = masked + place * units;
            for (Index unit = 0; unit < units; ++unit) to[unit] = h[unit] * mask[unit];
            return static_cast<const float*>(to);
        });
        add_products(units, Lay::RECURRENT, gradient + gradients.recurrent);
        for (Index block = 0; block < layout.blocks; ++block)
            for (int v = 0; v < Lay::PANEL_VECTORS; ++v) {
                float* sum_at = gradient + gradients.bias + block * Lay::PANEL + v * LANES;
                Vector sum = load(sum_at);
                for (Index place = 0; place < count; ++place) sum += load(slot_at(block, place) + v * LANES);
                store(sum_at, sum);
            }
    }

    template <class Row>
    void gather(Index first, Index last, Row row) {
        Index place = 0;
        for (Index step = first; step < last; ++step)
            for (Index i = 0, rows = walk.active(step); i < rows; ++i, ++place) left_rows[place] = row(step, i, place);
    }

    void multiply_to_inputs(Index first, Index last) {
        const Index features = task.sizes.features, width = weights.input_vectors * LANES;
        gather(first, last, [&](Index, Index, Index place) { return slot_at(0, place); });
        for (Index place = 0; place < count; ++place) from_rows[place] = zeros;
        for (Index panel = 0; panel < weights.input_panels; ++panel) {
            const Index some = features - panel * width < width ? features - panel * width : width;
            Index place = 0;
            for (Index step = first; step < last; ++step)
                for (Index i = 0, rows = walk.active(step); i < rows; ++i, ++place)
                    to_rows[place] = some < width ? tail + place * width
                                                  : task.d_xs + walk.place(step, i) * features + panel * width;
            multiply_slots(weights.input_vectors, count, weights.input + panel * width * layout.blocks * Lay::PANEL,
                           {from_rows, 0}, {to_rows, 0});
            if (some == width) continue;
            place = 0;
            for (Index step = first; step < last; ++step)
                for (Index i = 0, rows = walk.active(step); i < rows; ++i, ++place)
                    copy(task.d_xs + walk.place(step, i) * features + panel * width, tail + place * width, some);
        }
    }

    // Adds the products of left_rows, transposed, with the slots from `offset` on.
    void add_products(Index columns, Index offset, float* sums) {
        constexpr int TILE = Gradients<Cell>::TILE;
        const Index depth = Gradients<Cell>::depth_of(columns);
        interleave<TILE>(left_rows, count, columns, left);
        const float* rows[TILE];
        float* to[TILE];
        for (Index block = 0; block < layout.blocks; ++block)
            for (Index column = 0; column < columns; column += TILE) {
                for (int r = 0; r < TILE; ++r) {
                    rows[r] = left + column * count + r;
                    to[r] = sums + (block * depth + column + r) * Lay::PANEL;
                }
                tile<TILE, Lay::PANEL_VECTORS>(0, {rows, 0, TILE, 0}, {slot_at(block, 0) + offset, Lay::BLOCK, 0}, 1,
                                               count, {to, 0}, {to, 0});
            }
    }

    void finish() {
        const Index units = task.sizes.units, features = task.sizes.features;
        for (Index i = 0; i < shard.rows; ++i) {
            copy(task.d_h0 + shard.row[i] * units, d_hidden + i * hidden_width, units);
            if (Cell::MEMORY) copy(task.d_c0 + shard.row[i] * units, memory_row(i), units);
            for (Index time = shard.length[i]; task.d_xs && time < task.sizes.steps; ++time)
                clear(task.d_xs + (time * task.sizes.batch + shard.row[i]) * features, features);
        }
    }

    float* memory_row(Index i) { return d_memory + i * layout.padded_units; }

    const Backward& task;
    const BackwardWeights<Cell>& weights;
    const Layout<Cell>& layout;
    const Gradients<Cell> gradients;
    const Shard& shard;
    const Walk walk;
    const Index steps_together, places, hidden_width;
    Index count = 0;  // places of this chunk that are in use
    float* gradient;
    Scratch<float> d_slots, d_hidden, d_masked, d_memory, zeros, left, masked, tail;
    Scratch<const float*> left_rows, from_rows;
    Scratch<float*> to_rows;
};

template <class Cell>
void backward(const Backward& task, const Plan& plan, Pool& pool) {
    struct Work {
        const Backward& task;
        const Plan& plan;
        BackwardWeights<Cell> weights;
        Gradients<Cell> gradients;
        Scratch<float> sums;
    } work{task, plan, BackwardWeights<Cell>(task), Gradients<Cell>(task.sizes),
           Scratch<float>(plan.shards * Gradients<Cell>(task.sizes).size)};
    pool.run(
        plan.shards,
        [](void* context, Index index) {
            const Work& work = *static_cast<Work*>(context);
            float* gradient = work.sums + index * work.gradients.size;
            BackwardPass<Cell>(work.task, work.weights, work.plan.shard[index], gradient).run();
        },
        &work);

    const Sizes& sizes = task.sizes;
    const Gradients<Cell>& gradients = work.gradients;
    auto depth = [](Index columns) { return Gradients<Cell>::depth_of(columns); };
    const float* sums = work.sums;
    unpack_panels<Cell>(sums, plan.shards, gradients.size, sizes.features, depth(sizes.features), sizes.units,
                        Cell::INPUT_GATE, task.d_input);
    unpack_panels<Cell>(sums + gradients.recurrent, plan.shards, gradients.size, sizes.units, depth(sizes.units),
                        sizes.units, Cell::RECURRENT_GATE, task.d_recurrent);
    unpack_panels<Cell>(sums + gradients.bias, plan.shards, gradients.size, 1, 1, sizes.units, Cell::INPUT_GATE,
                        task.d_bias);
    const Index padded = gradients.layout.padded_units;
    for (int v = 0; v < Cell::VECTORS; ++v)
        for (Index unit = 0; unit < sizes.units; unit += LANES) {
            const float* from = sums + gradients.vectors + v * padded + unit;
            Vector sum = load(from);
            for (Index more = 1; more < plan.shards; ++more) sum += load(from + more * gradients.size);
            store_first(task.d_vectors + v * sizes.units + unit, sum, sizes.units - unit);
        }
}

}  // namespace treadle::TREADLE_ISA
