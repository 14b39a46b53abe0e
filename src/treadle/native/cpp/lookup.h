// Rows of a table by their codes, and the gradient of the table: sums of the rows that went to each code.
#pragma once

#include <algorithm>
#include <cstring>

#include "recurrence.h"

namespace treadle {

// Codes outside the table stand for no word: zeros, and no gradient.
struct Lookup {
    Index words, width, count;
    const std::int32_t* codes;  // (count)

    bool known(Index at) const { return codes[at] >= 0 && codes[at] < words; }
};

// Positions [first, last) of (count, width).
inline void look_up(const Lookup& task, const float* table, float* to, Index first, Index last) {
    for (Index at = first; at < last; ++at) {
        float* row = to + at * task.width;
        if (task.known(at))
            std::memcpy(row, table + task.codes[at] * task.width, task.width * sizeof(float));
        else
            std::memset(row, 0, task.width * sizeof(float));
    }
}

// Columns [first, last) of the table's gradient: threads that split columns never add to one number, and every number
// is summed in the same order however many threads there are.
inline void add_up(const Lookup& task, const float* d_rows, float* d_table, Index first, Index last) {
    const Index columns = last - first;
    for (Index word = 0; word < task.words; ++word)
        std::memset(d_table + word * task.width + first, 0, columns * sizeof(float));
    for (Index at = 0; at < task.count; ++at) {
        if (!task.known(at)) continue;
        const float* __restrict from = d_rows + at * task.width + first;
        float* __restrict to = d_table + task.codes[at] * task.width + first;
        for (Index column = 0; column < columns; ++column) to[column] += from[column];
    }
}

}  // namespace treadle
