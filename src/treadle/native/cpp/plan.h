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
        // There and back again, as children choose teams.
        const auto shard_of = [&](Index rank) {
            const Index turn = rank % (2 * shards);
            return turn < shards ? turn : 2 * shards - 1 - turn;
        };
        shard_.resize(shards);
        for (Index rank = 0; rank < batch; ++rank) ++shard_[shard_of(rank)].rows;
        row_.resize(batch);
        length_.resize(batch);
        std::vector<Index> next(shards);
        for (Index shard = 0, at = 0; shard < shards; ++shard) {
            next[shard] = at;
            shard_[shard].row = row_.data() + at;
            shard_[shard].length = length_.data() + at;
            at += shard_[shard].rows;
        }
        for (Index rank = 0; rank < batch; ++rank) {
            const Index at = next[shard_of(rank)]++;
            row_[at] = order[rank];
            length_[at] = std::clamp<Index>(lengths[order[rank]], 0, steps);
        }
    }

    Plan plan() const { return {static_cast<Index>(shard_.size()), shard_.data()}; }

private:
    std::vector<Index> row_, length_;
    std::vector<Shard> shard_;
};

}  // namespace treadle
