// Which words of a table a batch holds.
#pragma once

#include <algorithm>
#include <vector>

#include "recurrence.h"

namespace treadle {

// Numbers the words in the order in which they come; codes outside the table, and what stands past a row's length, are
// no word.
class Words {
public:
    Words(const std::int32_t* codes, const std::int32_t* lengths, Index steps, Index batch, Index table)
        : table_(table), code_{-1}, number_(steps * batch, 0) {
        std::vector<std::int32_t> number_of(table, 0);
        for (Index time = 0; time < steps; ++time)
            for (Index row = 0; row < batch; ++row) {
                const Index place = time * batch + row;
                const std::int32_t code = codes[place];
                if (time >= lengths[row] || code < 0 || code >= table) continue;
                if (!number_of[code]) {
                    number_of[code] = static_cast<std::int32_t>(code_.size());
                    code_.push_back(code);
                }
                number_[place] = number_of[code];
            }
    }

    Tokens tokens() const { return {table_, static_cast<Index>(code_.size()), code_.data(), number_.data()}; }

private:
    const Index table_;
    std::vector<std::int32_t> code_, number_;
};

}  // namespace treadle
