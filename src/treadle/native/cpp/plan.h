// Which rows of a batch each thread takes.
#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include "recurrence.h"

namespace treadle {

// Fewer rows than this at a time leave the processor waiting for weights.
constexpr Index FEWEST_ROWS = 4;

// Rows by length, longest first, dealt in turn: the shards then have nearly the same number of steps, and the rows of
// a shard end one after another.
class Shares {
public:
    Shares(const std::int32_t* lengths, Index batch, Index steps, Index threads) {
        std::vector<Index> order(batch);
        std::iota(order.begin(), order.end(), Index{0});
        std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return lengths[a] > lengths[b]; });
        const Index shards = std::clamp<Index>(batch / FEWEST_ROWS, 1, std::max<Index>(threads, 1));
        for (Index shard = 0; shard < shards; ++shard) {
            const Index before = row_.size();
            for (Index rank = 0; rank < batch; ++rank) {
                // There and back again, as children choose teams.
                const Index turn = rank % (2 * shards);
                if ((turn < shards ? turn : 2 * shards - 1 - turn) != shard) continue;
                row_.push_back(order[rank]);
                length_.push_back(std::clamp<Index>(lengths[order[rank]], 0, steps));
            }
            shard_.push_back({static_cast<Index>(row_.size()) - before, nullptr, nullptr});
        }
        Index at = 0;
        for (Shard& shard : shard_) {
            shard.row = row_.data() + at;
            shard.length = length_.data() + at;
            at += shard.rows;
        }
    }

    Plan plan() const { return {static_cast<Index>(shard_.size()), shard_.data()}; }

private:
    std::vector<Index> row_, length_;
    std::vector<Shard> shard_;
};

}  // namespace treadle
