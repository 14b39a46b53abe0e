// A direction of a recurrent layer made ready to read batch after batch: what does not change is worked out once.
#pragma once

#include "forward.h"

namespace treadle::TREADLE_ISA {

template <class Cell>
class PackedReader final : public Reader {
public:
    PackedReader(const Forward& task, Index words)
        : Reader(task.sizes, words, task.xs && words * Layout<Cell>(task.sizes.units).row <= MOST_PRODUCTS),
          table(task.xs), packed(task), products(ready ? (words + 1) * packed.layout.row : 0) {
        if (!ready) return;
        // The last stands for what is no word.
        const Scratch<std::int32_t> code(words + 1);
        for (Index word = 0; word < words; ++word) code[word] = static_cast<std::int32_t>(word);
        code[words] = -1;
        const Tokens all = {words, words + 1, code, nullptr};
        Forward every = task;
        every.tokens = &all;
        multiply_words<Cell>(every, packed, 0, words + 1, products);
    }

    void read(const Forward& task, const Plan& plan) const override {
        if (!task.tokens || ready) return pass(task, plan, products);
        Forward named = task;
        named.xs = table;
        const Scratch<float> some(task.tokens->words * packed.layout.row);
        multiply_words<Cell>(named, packed, 0, task.tokens->words, some);
        pass(named, plan, some);
    }

    void close() const override { delete this; }

private:
    // Products of a whole table are kept where they are not more numbers than this.
    static constexpr Index MOST_PRODUCTS = Index{1} << 24;

    void pass(const Forward& task, const Plan& plan, const float* of_words) const {
        for (Index shard = 0; shard < plan.shards; ++shard)
            ForwardPass<Cell>(task, packed, plan.shard[shard], of_words).run();
    }

    const float* const table;
    const ForwardWeights<Cell> packed;
    const Scratch<float> products;
};

template <class Cell>
Reader* open(const Forward& task, Index words) {
    return new PackedReader<Cell>(task, words);
}

}  // namespace treadle::TREADLE_ISA
