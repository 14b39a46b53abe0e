// Gradients of inputs that are words of a table: summed for every word before they meet the weights, once for each.
#pragma once

#include "gradients.h"

namespace treadle::TREADLE_ISA {

// The sums of one shard, in the order in which it meets the words.
template <class Cell>
struct ShardWords {
    // Adds the slots that the input product filled, of a place where `word` stands.
    void add(Index word, const Slots<Cell>& slots, Index place) {
        const bool met = row_of[word] >= 0;
        if (!met) row_of[word] = static_cast<std::int32_t>(next++);
        float* sum = sums + row_of[word] * blocks * Layout<Cell>::PANEL;
        for (Index block = 0; block < blocks; ++block)
            for (int v = 0; v < Layout<Cell>::PANEL_VECTORS; ++v, sum += LANES) {
                const Vector more = load(slots.at(block, place) + v * LANES);
                store(sum, met ? load(sum) + more : more);
            }
    }

    Index blocks;
    std::int32_t* row_of;  // of every word; -1 before it is met
    float* sums;
    Index next = 0;
};

// The sums of all shards: each has its own, so that no two threads add to one.
template <class Cell>
class WordSums {
public:
    WordSums(const Backward& task, const Plan& plan, Pool& pool)
        : words(task.tokens ? task.tokens->words : 0), shards(plan.shards), blocks(Layout<Cell>(task.sizes.units).blocks),
          begin(shards + 1), row_of(shards * words), sums(words ? pool.memory(fill_begin(plan) * blocks * Layout<Cell>::PANEL) : nullptr) {
        for (Index i = 0; i < shards * words; ++i) row_of[i] = -1;
    }

    ShardWords<Cell> of(Index shard) const {
        if (!words) return {};
        return {blocks, row_of + shard * words, sums + begin[shard] * blocks * Layout<Cell>::PANEL};
    }

    // The slots of a word, summed over all shards in their order.
    void gather(Index word, const Slots<Cell>& slots, Index place) const {
        for (Index block = 0; block < blocks; ++block) clear(slots.at(block, place), Layout<Cell>::PANEL);
        for (Index shard = 0; shard < shards; ++shard) {
            const ShardWords<Cell> own = of(shard);
            if (own.row_of[word] < 0) continue;
            const float* from = own.sums + own.row_of[word] * blocks * Layout<Cell>::PANEL;
            for (Index block = 0; block < blocks; ++block)
                for (int v = 0; v < Layout<Cell>::PANEL_VECTORS; ++v, from += LANES) {
                    float* sum = slots.at(block, place) + v * LANES;
                    store(sum, load(sum) + load(from));
                }
        }
    }

private:
    // A shard meets as many words as it has places, at most.
    Index fill_begin(const Plan& plan) {
        begin[0] = 0;
        for (Index shard = 0; shard < shards; ++shard) {
            Index places = 0;
            for (Index i = 0; i < plan.shard[shard].rows; ++i) places += plan.shard[shard].length[i];
            begin[shard + 1] = begin[shard] + (places < words ? places : words);
        }
        return begin[shards];
    }

    const Index words, shards, blocks;
    Scratch<Index> begin;
    Scratch<std::int32_t> row_of;
    float* const sums;
};

// What words [first, last) give to the gradients of input weights, bias and table.
template <class Cell>
void add_words(const Backward& task, const BackwardWeights<Cell>& weights, const WordSums<Cell>& sums, Index first,
               Index last, float* gradient) {
    const Index features = task.sizes.features;
    const Slots<Cell> slots(task.sizes, weights, CHUNK);
    Scratch<float> none(features), d_none(features);
    clear(none, features);
    Scratch<const float*> xs(CHUNK);
    Scratch<float*> d_xs(CHUNK);
    float* const* const d_words = task.d_xs ? static_cast<float* const*>(d_xs) : nullptr;
    for (; first < last; first += CHUNK) {
        const Index count = last - first < CHUNK ? last - first : CHUNK;
        for (Index i = 0; i < count; ++i) {
            const std::int32_t code = task.tokens->code[first + i];
            xs[i] = code < 0 ? none : task.xs + code * features;
            if (task.d_xs) d_xs[i] = code < 0 ? d_none : task.d_xs + code * features;
            sums.gather(first + i, slots, i);
        }
        slots.add_inputs(count, xs, d_words, gradient);
    }
}

}  // namespace treadle::TREADLE_ISA
