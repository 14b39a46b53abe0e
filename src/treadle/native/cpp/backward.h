// The backward pass of some rows of a batch through all their steps, and the gradients of the weights from them.
#pragma once

#include "words.h"

namespace treadle::TREADLE_ISA {

template <class Cell>
class BackwardPass {
    using Lay = Layout<Cell>;

public:
    BackwardPass(const Backward& task, const BackwardWeights<Cell>& weights, const Shard& shard,
                 const ShardWords<Cell>& words, float* gradient)
        : task(task), weights(weights), layout(weights.layout), gradients(task.sizes), shard(shard), words(words),
          walk{shard, task.sizes.batch, task.reverse},
          steps_together(chunk_steps(shard.rows)), places(steps_together * shard.rows),
          hidden_width(weights.recurrent_panels * weights.recurrent_vectors * LANES), gradient(gradient),
          slots(task.sizes, weights, places), d_hidden(shard.rows * hidden_width),
          d_masked(task.mask ? shard.rows * hidden_width : 0),
          d_memory(Cell::MEMORY ? shard.rows * layout.padded_units : 0), zeros(4 * LANES),
          masked(task.mask ? places * task.sizes.units : 0), left_rows(places), from_rows(shard.rows),
          to_rows(places) {}

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

    // Gradients of a step's sums, from those of its states.
    void close_gates(Index step, Index rows, Index base) {
        for (Index block = 0; block < layout.blocks; ++block)
            for (Index i = 0; i < rows; ++i) {
                if (step) fetch_kept(step - 1, i, block);
                for (int u = 0; u < Cell::UNIT_VECTORS; ++u) {
                    const Index unit = block * Lay::UNITS + u * LANES;
                    float* d_slot = slots.at(block, base + i) + u * LANES;
                    if (unit < task.sizes.units)
                        close_unit(step, i, unit, d_slot);
                    else
                        for (int s = 0; s < Cell::SLOTS; ++s) store(d_slot + s * Lay::UNITS, Vector{});
                }
            }
    }

    // What a step will look at lies far away, and the product before it leaves the time to bring it near.
    void fetch_kept(Index step, Index i, Index block) const {
        const Index kept = step * task.sizes.batch + shard.row[i], unit = block * Lay::UNITS;
        if (Cell::KEEPS) fetch(task.gates + kept * layout.row + block * Lay::BLOCK, Lay::BLOCK);
        if (Cell::MEMORY && step) fetch(task.cells + (kept - task.sizes.batch) * layout.padded_units + unit, Lay::UNITS);
        if (unit < task.sizes.units) fetch(hidden_before(step, i) + unit, Lay::UNITS);
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
            to_rows[i] = (task.mask ? d_masked : d_hidden) + i * hidden_width;
            from_rows[i] = Cell::DIRECT && !task.mask ? to_rows[i] : zeros;
        }
        const bool going_on = Cell::DIRECT && !task.mask;
        const Index width = weights.recurrent_vectors * LANES;
        for (Index panel = 0; panel < weights.recurrent_panels; ++panel)
            slots.multiply_slots(weights.recurrent_vectors, base, rows, Lay::RECURRENT,
                                 weights.recurrent + panel * width * layout.blocks * Lay::PANEL,
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

    // What the places of a chunk give to the gradients of inputs and weights.
    void add_up(Index first, Index last) {
        const Index features = task.sizes.features, units = task.sizes.units;
        each(first, last, [&](Index step, Index i, Index place) {
            const Index at = walk.place(step, i);
            if (task.tokens) return words.add(task.tokens->number[at], slots, place);
            left_rows[place] = task.xs + at * features;
            if (task.d_xs) to_rows[place] = task.d_xs + at * features;
        });
        float* const* const d_inputs = task.d_xs ? static_cast<float* const*>(to_rows) : nullptr;
        if (!task.tokens) slots.add_inputs(count, left_rows, d_inputs, gradient);
        each(first, last, [&](Index step, Index i, Index place) {
            const float* h = hidden_before(step, i);
            left_rows[place] = task.mask ? masked + place * units : h;
            if (!task.mask) return;
            const float* mask = task.mask + shard.row[i] * units;
            for (Index unit = 0; unit < units; ++unit) masked[place * units + unit] = h[unit] * mask[unit];
        });
        slots.add_products(count, left_rows, units, Lay::RECURRENT, gradient + gradients.recurrent);
    }

    // Calls visit(step, i, place) for the places of a chunk.
    template <class Visit>
    void each(Index first, Index last, Visit visit) {
        Index place = 0;
        for (Index step = first; step < last; ++step)
            for (Index i = 0, rows = walk.active(step); i < rows; ++i, ++place) visit(step, i, place);
    }

    void finish() {
        const Index units = task.sizes.units, features = task.sizes.features;
        for (Index i = 0; i < shard.rows; ++i) {
            copy(task.d_h0 + shard.row[i] * units, d_hidden + i * hidden_width, units);
            if (Cell::MEMORY) copy(task.d_c0 + shard.row[i] * units, memory_row(i), units);
            for (Index time = shard.length[i]; task.d_xs && !task.tokens && time < task.sizes.steps; ++time)
                clear(task.d_xs + (time * task.sizes.batch + shard.row[i]) * features, features);
        }
    }

    float* memory_row(Index i) { return d_memory + i * layout.padded_units; }

    const Backward& task;
    const BackwardWeights<Cell>& weights;
    const Layout<Cell>& layout;
    const Gradients<Cell> gradients;
    const Shard& shard;
    ShardWords<Cell> words;
    const Walk walk;
    const Index steps_together, places, hidden_width;
    Index count = 0;  // places of this chunk that are in use
    float* gradient;
    const Slots<Cell> slots;
    Scratch<float> d_hidden, d_masked, d_memory, zeros, masked;
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
        WordSums<Cell> words;
    } work{task, plan, BackwardWeights<Cell>(task), Gradients<Cell>(task.sizes),
           Scratch<float>(plan.shards * Gradients<Cell>(task.sizes).size), WordSums<Cell>(task, plan, pool)};
    pool.run(
        plan.shards,
        [](void* context, Index index) {
            const Work& work = *static_cast<Work*>(context);
            const Backward& task = work.task;
            float* gradient = work.sums + index * work.gradients.size;
            BackwardPass<Cell>(task, work.weights, work.plan.shard[index], work.words.of(index), gradient).run();
            if (!task.tokens || !task.d_xs) return;
            const Part part(task.tokens->table * task.sizes.features, work.plan.shards, index);
            clear(task.d_xs + part.first, part.last - part.first);
        },
        &work);
    if (task.tokens)
        pool.run(
            plan.shards,
            [](void* context, Index index) {
                const Work& work = *static_cast<Work*>(context);
                const Part part(work.task.tokens->words, work.plan.shards, index);
                float* gradient = work.sums + index * work.gradients.size;
                add_words<Cell>(work.task, work.weights, work.words, part.first, part.last, gradient);
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
