// The forward pass of some rows of a batch through all their steps.
#pragma once

#include "pack.h"

namespace treadle::TREADLE_ISA {

template <class Cell>
struct ForwardWeights {
    explicit ForwardWeights(const Forward& task)
        : layout(task.sizes.units),
          input(layout.blocks * Layout<Cell>::PANEL * task.sizes.features),
          recurrent(layout.blocks * Layout<Cell>::PANEL * task.sizes.units),
          bias(layout.blocks * Layout<Cell>::PANEL),
          vectors(layout.padded_units * Cell::VECTORS) {
        const Sizes& sizes = task.sizes;
        pack_panels<Cell>(task.weights.input, sizes.features, sizes.units, Cell::INPUT_GATE, input);
        pack_panels<Cell>(task.weights.recurrent, sizes.units, sizes.units, Cell::RECURRENT_GATE, recurrent);
        pack_panels<Cell>(task.weights.bias, 1, sizes.units, Cell::INPUT_GATE, bias);
        pack_vectors(task.weights.vectors, Cell::VECTORS, sizes.units, layout.padded_units, vectors);
    }

    Layout<Cell> layout;
    Scratch<float> input, recurrent, bias, vectors;
};

// Slots as they stand before the recurrent product: products of `count` inputs and the weights, on top of the biases.
template <class Cell>
void multiply_inputs(const ForwardWeights<Cell>& weights, Index features, Index count, const float* const* xs,
                     const float** starts, float* const* slots) {
    constexpr Index PANEL = Layout<Cell>::PANEL, BLOCK = Layout<Cell>::BLOCK;
    for (Index block = 0; block < weights.layout.blocks; ++block) {
        for (Index i = 0; i < count; ++i) starts[i] = weights.bias + block * PANEL;
        multiply<Layout<Cell>::PANEL_VECTORS>(count, {xs, 0, 1, 0},
                                              {weights.input + block * PANEL * features, PANEL, 0}, 1, features,
                                              {starts, 0}, {slots, block * BLOCK});
        if constexpr (Cell::SLOTS > Cell::GATES)  // the slot that only the recurrent product fills
            for (Index i = 0; i < count; ++i)
                store(slots[i] + block * BLOCK + PANEL, load(weights.vectors + block * LANES));
    }
}

// The slots of words [first, last), each made once however often the word stands in the batch.
template <class Cell>
void multiply_words(const Forward& task, const ForwardWeights<Cell>& weights, Index first, Index last, float* words) {
    const Index features = task.sizes.features;
    Scratch<float> none(features);
    clear(none, features);
    Scratch<const float*> xs(CHUNK), starts(CHUNK);
    Scratch<float*> slots(CHUNK);
    for (; first < last; first += CHUNK) {
        const Index count = last - first < CHUNK ? last - first : CHUNK;
        for (Index i = 0; i < count; ++i) {
            const std::int32_t code = task.tokens->code[first + i];
            xs[i] = code < 0 ? none : task.xs + code * features;
            slots[i] = words + (first + i) * weights.layout.row;
        }
        multiply_inputs<Cell>(weights, features, count, xs, starts, slots);
    }
}

template <class Cell>
class ForwardPass {
    static constexpr Index BLOCK = Layout<Cell>::BLOCK, UNITS = Layout<Cell>::UNITS;

public:
    // `words`: the slots of every word, where the task has tokens.
    ForwardPass(const Forward& task, const ForwardWeights<Cell>& weights, const Shard& shard, const float* words)
        : task(task), weights(weights), layout(weights.layout), shard(shard), words(words),
          walk{shard, task.sizes.batch, task.reverse},
          steps_together(task.tokens ? walk.longest() : chunk_steps(shard.rows)),
          xs(steps_together * shard.rows), begins(steps_together * shard.rows), hidden(shard.rows),
          slots(task.tokens ? 0 : steps_together * shard.rows), sums(shard.rows),
          slot_memory(task.tokens ? 0 : steps_together * shard.rows * layout.row), sum_memory(shard.rows * BLOCK),
          memory(Cell::MEMORY ? shard.rows * layout.padded_units : 0),
          latest(task.outputs ? 0 : 2 * shard.rows * task.sizes.units),
          masked(task.mask ? shard.rows * task.sizes.units : 0) {}

    void run() {
        start();
        for (Index first = 0; first < walk.longest(); first += steps_together) {
            Index last = first + steps_together < walk.longest() ? first + steps_together : walk.longest();
            begin_slots(first, last);
            Index done = 0;
            for (Index step = first; step < last; ++step) {
                Index rows = walk.active(step);
                coming = step + 1 < last ? walk.active(step + 1) : 0;
                take_step(step, rows, begins + done);
                done += rows;
            }
        }
        finish();
        settle();
    }

private:
    void start() {
        const Index units = task.sizes.units;
        for (Index i = 0; i < shard.rows; ++i) {
            const Index row = shard.row[i] * units;
            hidden[i] = task.h0 + row;
            if (Cell::MEMORY) pack_vectors(task.c0 + row, 1, units, layout.padded_units, memory_row(i));
            if (task.mask) mask_row(i, task.h0 + row);
            sums[i] = sum_memory + i * BLOCK;
        }
    }

    // Several steps at once, so that the weights are fetched once for all of them; all steps where only to point is left.
    void begin_slots(Index first, Index last) {
        const Index features = task.sizes.features;
        Index count = 0;
        for (Index step = first; step < last; ++step)
            for (Index i = 0, rows = walk.active(step); i < rows; ++i, ++count) {
                const Index place = walk.place(step, i);
                if (task.tokens) {
                    begins[count] = words + task.tokens->number[place] * layout.row;
                    continue;
                }
                xs[count] = task.xs + place * features;
                slots[count] = slot_memory + count * layout.row;
            }
        if (task.tokens) return;
        multiply_inputs<Cell>(weights, features, count, xs, begins, slots);
        for (Index i = 0; i < count; ++i) begins[i] = slots[i];
    }

    // `begin`: of every row the slots with what its input gives; the recurrent product adds to some and leaves others.
    void take_step(Index step, Index rows, const float* const* begin) {
        const Index units = task.sizes.units;
        for (Index block = 0; block < layout.blocks; ++block) {
            constexpr Index PANEL = Layout<Cell>::PANEL;
            if (task.tokens)
                for (Index i = 0; i < coming; ++i) fetch(begin[rows + i] + block * BLOCK, BLOCK);
            multiply<Layout<Cell>::PANEL_VECTORS>(rows, {hidden, 0, 1, 0},
                                                  {weights.recurrent + block * PANEL * units, PANEL, 0}, 1, units,
                                                  {begin, block * BLOCK + Layout<Cell>::RECURRENT},
                                                  {sums, Layout<Cell>::RECURRENT});
            for (int u = 0; u < Cell::UNIT_VECTORS; ++u)
                if (block * UNITS + u * LANES < units) open_gates(step, rows, block * UNITS + u * LANES, begin);
        }
        for (Index i = 0; i < rows; ++i) {
            const float* h = state(step, i);
            if (task.mask)
                mask_row(i, h);
            else
                hidden[i] = h;
        }
    }

    // LANES units of all rows, from `unit` on: from sums to gates, memory and hidden state.
    void open_gates(Index step, Index rows, Index unit, const float* const* begin) {
        const Index some = task.sizes.units - unit, at = unit / UNITS * BLOCK, u = unit % UNITS;
        Vector vectors[Cell::VECTORS + 1];
        for (int v = 0; v < Cell::VECTORS; ++v) vectors[v] = load(weights.vectors + v * layout.padded_units + unit);
        for (Index i = 0; i < rows; ++i) {
            const Index kept = step * task.sizes.batch + shard.row[i];
            Vector slots[Cell::SLOTS], memory_or_state;
            for (int s = 0; s < Cell::SLOTS; ++s) {
                const bool added = s >= Cell::RECURRENT_SLOT && s < Cell::RECURRENT_SLOT + Cell::GATES;
                slots[s] = load((added ? sums[i] : begin[i] + at) + s * UNITS + u);
            }
            if (Cell::MEMORY)
                memory_or_state = load(memory_row(i) + unit);
            else
                memory_or_state = load_first((step ? state(step - 1, i) : task.h0 + shard.row[i] * task.sizes.units) + unit, some);
            store_first(state(step, i) + unit, Cell::forward(slots, memory_or_state, vectors), some);
            if (Cell::MEMORY) store(memory_row(i) + unit, memory_or_state);
            if (Cell::MEMORY && task.cells) put_away(task.cells + kept * layout.padded_units + unit, memory_or_state);
            if (Cell::KEEPS && task.gates)
                for (int s = 0; s < Cell::SLOTS; ++s)
                    put_away(task.gates + kept * layout.row + at + s * UNITS + u, slots[s]);
        }
    }

    void finish() {
        const Index units = task.sizes.units;
        for (Index i = 0; i < shard.rows; ++i) {
            const Index row = shard.row[i] * units, length = shard.length[i];
            const float* h = length ? state(length - 1, i) : task.h0 + row;
            copy(task.h_final + row, h, units);
            if (Cell::MEMORY) copy(task.c_final + row, memory_row(i), units);
            for (Index time = length; task.outputs && time < task.sizes.steps; ++time)
                clear(task.outputs + time * task.sizes.batch * units + row, units);
        }
    }

    float* memory_row(Index i) { return memory + i * layout.padded_units; }

    // The hidden state after a step; where nobody asks for all of them, a row's last two are there.
    float* state(Index step, Index i) const {
        return task.outputs ? task.outputs + walk.place(step, i) * task.sizes.units
                            : latest + (step % 2 * shard.rows + i) * task.sizes.units;
    }

    void mask_row(Index i, const float* h) {
        const Index units = task.sizes.units;
        const float* mask = task.mask + shard.row[i] * units;
        float* to = masked + i * units;
        for (Index unit = 0; unit < units; ++unit) to[unit] = h[unit] * mask[unit];
        hidden[i] = to;
    }

    const Forward& task;
    const ForwardWeights<Cell>& weights;
    const Layout<Cell>& layout;
    const Shard& shard;
    const float* words;
    const Walk walk;
    const Index steps_together;
    Index coming = 0;  // rows of the next step
    Scratch<const float*> xs, begins, hidden;
    Scratch<float*> slots, sums;
    Scratch<float> slot_memory, sum_memory, memory, latest, masked;
};

template <class Cell>
void forward(const Forward& task, const Plan& plan, Pool& pool) {
    struct Work {
        const Forward& task;
        const Plan& plan;
        ForwardWeights<Cell> weights;
        float* words;
    } work{task, plan, ForwardWeights<Cell>(task),
           task.tokens ? pool.memory(task.tokens->words * Layout<Cell>(task.sizes.units).row) : nullptr};
    if (task.tokens)
        pool.run(
            plan.shards,
            [](void* context, Index index) {
                const Work& work = *static_cast<Work*>(context);
                const Part part(work.task.tokens->words, work.plan.shards, index);
                multiply_words<Cell>(work.task, work.weights, part.first, part.last, work.words);
            },
            &work);
    pool.run(
        plan.shards,
        [](void* context, Index index) {
            const Work& work = *static_cast<Work*>(context);
            ForwardPass<Cell>(work.task, work.weights, work.plan.shard[index], work.words).run();
        },
        &work);
}

}  // namespace treadle::TREADLE_ISA
