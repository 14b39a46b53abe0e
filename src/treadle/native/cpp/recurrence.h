// What the kernels compute, as plain memory: no XLA and no vector type here.
//
// All arrays are row-major float32. A cell's gates stand side by side in `units` columns each, in the order of the
// cell's equation. `states` below means the hidden state h and, for the LSTM family, the memory c.
#pragma once

#include <cstddef>
#include <cstdint>

namespace treadle {

using Index = std::ptrdiff_t;

enum Cell { SIMPLE_TANH, SIMPLE_RELU, LSTM, PEEPHOLE_LSTM, COUPLED_LSTM, GRU, CELLS };

struct Sizes {
    Index steps, batch, features, units;
};

struct Weights {
    const float* input;      // (features, gates * units)
    const float* recurrent;  // (units, gates * units)
    const float* bias;       // (gates * units)
    const float* vectors;    // (vectors of the cell, units): peepholes, or the GRU's bias of the recurrent candidate
};

// Inputs that are rows of a table. The different words of a batch are numbered, with the number 0 for what is none.
struct Tokens {
    Index table;                 // rows of the table
    Index words;                 // how many numbers there are
    const std::int32_t* code;    // (words): the row of the table that a number stands for, -1 for number 0
    const std::int32_t* number;  // (steps, batch): of the word that stands there; 0 past a row's length
};

// One direction through time. Outputs past a row's length are set to zero.
struct Forward {
    Sizes sizes;
    Weights weights;
    bool reverse;              // each row from its own last step to its first
    const float* xs;           // (steps, batch, features), or with tokens the table
    const Tokens* tokens;      // null where xs holds the inputs themselves
    const float *h0, *c0;      // (batch, units); c0 is null for cells without memory
    const float* mask;         // (batch, units), multiplies h before the recurrent product; null for none
    float* outputs;            // (steps, batch, units); null where only the final states are wanted
    float *h_final, *c_final;  // (batch, units): the states at each row's length
    float* gates;              // (steps, batch, kept_width): for the backward pass; null when it will not come
    float* cells;              // (steps, batch, padded_units): likewise; null for cells without memory
};

struct Backward {
    Sizes sizes;
    Weights weights;
    bool reverse;
    const float* xs;
    const Tokens* tokens;
    const float *h0, *c0;
    const float* mask;
    const float *outputs, *gates, *cells;        // as Forward left them
    const float *d_outputs, *d_h, *d_c;          // gradients of outputs (null for zeros) and final states
    float* d_xs;                                 // shape of xs; null where not wanted
    float *d_h0, *d_c0;                          // (batch, units)
    float *d_input, *d_recurrent, *d_bias, *d_vectors;  // as in Weights
};

// Rows of the batch that one thread takes through all steps, longest first.
struct Shard {
    Index rows;
    const Index* row;     // which of the batch
    const Index* length;  // its steps, at most Sizes::steps
};

struct Plan {
    Index shards;
    const Shard* shard;
};

struct Pool {
    // Runs task(context, 0), ..., task(context, count - 1) in any order, on several threads, and returns when all are
    // done.
    virtual void run(Index count, void (*task)(void* context, Index index), void* context) = 0;
    // Memory for `count` numbers, until it is asked for again or the pool ends.
    virtual float* memory(Index count) = 0;

protected:
    ~Pool() = default;
};

// A direction of a layer that reads and does not learn; made by `Engine::open`.
class Reader {
public:
    // Inlined, or all instruction sets would share it.
    [[gnu::always_inline]] Reader(const Sizes& sizes, Index words, bool ready)
        : sizes(sizes), words(words), ready(ready) {}
    // `task` with all but the weights. Its tokens, where it has any, are of the reader's own table: their numbers are
    // codes of the table, and `words` for none, where the reader is `ready`; else as in `Tokens`.
    virtual void read(const Forward& task, const Plan& plan) const = 0;
    virtual void close() const = 0;  // in place of a virtual destructor, which all instruction sets would share

    const Sizes sizes;  // features and units
    const Index words;  // of the table
    const bool ready;   // with the products of all words and the weights

protected:
    ~Reader() = default;
};

// The kernels, compiled for one instruction set.
struct Engine {
    void (*forward[CELLS])(const Forward&, const Plan&, Pool&);
    void (*backward[CELLS])(const Backward&, const Plan&, Pool&);
    // Of the task: features and units, the weights, and as `xs` a table of `words` rows, or null.
    Reader* (*open[CELLS])(const Forward& task, Index words);
};

namespace plain {
extern const Engine engine;
}
#if defined(__x86_64__)
namespace avx2 {
extern const Engine engine;
}
namespace avx512 {
extern const Engine engine;
}
#endif

// Units are padded to whole blocks of the widest vectors, so that every instruction set keeps arrays of one shape.
constexpr Index WIDEST = 16;

}  // namespace treadle
