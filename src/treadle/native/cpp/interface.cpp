// The engine's own interface: which kernels run, and reading with them without XLA.
#include <atomic>
#include <new>
#include <string>
#include <vector>

#include "denormals.h"
#include "plan.h"
#include "tokens.h"

#define TREADLE_EXPORT extern "C" __attribute__((visibility("default")))

namespace treadle {
namespace {

std::atomic<const Engine*> chosen{&plain::engine};

// Rows that are read side by side: their states lie in the nearest cache from one step to the next.
constexpr Index SIDE_BY_SIDE = 32;

void read(const Reader& reader, Forward& task, const std::int32_t* codes, const std::int32_t* lengths) {
    const Sizes& sizes = task.sizes;
    const Shares shares(lengths, sizes.batch, sizes.steps, (sizes.batch + SIDE_BY_SIDE - 1) / SIDE_BY_SIDE);
    if (!codes) return reader.read(task, shares.plan());
    if (!reader.ready) {
        const Words words(codes, lengths, sizes.steps, sizes.batch, reader.words);
        const Tokens tokens = words.tokens();
        task.tokens = &tokens;
        return reader.read(task, shares.plan());
    }
    std::vector<std::int32_t> numbers(codes, codes + sizes.steps * sizes.batch);
    for (std::int32_t& number : numbers)
        if (number < 0 || number >= reader.words) number = static_cast<std::int32_t>(reader.words);
    const Tokens tokens = {reader.words, reader.words + 1, nullptr, numbers.data()};
    task.tokens = &tokens;
    reader.read(task, shares.plan());
}

}  // namespace

}  // namespace treadle

// The widest instruction set of this processor that is at most `name`; returns its name.
TREADLE_EXPORT const char* treadle_choose_engine(const char* name) {
    const std::string most = name;
#if defined(__x86_64__)
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    // All that build.py compiles the widest engine for: some processors have only a part.
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (most == "avx512" && avx2 && avx512) {
        treadle::chosen = &treadle::avx512::engine;
        return "avx512";
    }
    if (most != "plain" && avx2) {
        treadle::chosen = &treadle::avx2::engine;
        return "avx2";
    }
#endif
    treadle::chosen = &treadle::plain::engine;
    return "plain";
}

// The kernels of the chosen instruction set.
TREADLE_EXPORT const treadle::Engine* treadle_engine() { return treadle::chosen; }

// A direction of a layer, ready to read with the chosen kernels; null where memory does not suffice. The weights are
// copied; `table` (words, features), null where inputs come themselves, must outlive the reader.
TREADLE_EXPORT treadle::Reader* treadle_open_reader(std::int64_t cell, std::int64_t features, std::int64_t units,
                                                    const float* input, const float* recurrent, const float* bias,
                                                    const float* vectors, const float* table, std::int64_t words) {
    try {
        const treadle::FlushDenormals flush;
        treadle::Forward task = {};
        task.sizes = {0, 0, features, units};
        task.weights = {input, recurrent, bias, vectors};
        task.xs = table;
        return treadle::chosen.load()->open[cell](task, words);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

// One batch, on the calling thread; may be called by several threads at once. Of `xs` and `codes` one is null; h0 and c0
// are null for zeros, c0 and c_final for cells without memory, `outputs` where only the final states are wanted. False
// where memory does not suffice.
TREADLE_EXPORT bool treadle_read(const treadle::Reader* reader, std::int64_t steps, std::int64_t batch, bool reverse,
                                 const float* xs, const std::int32_t* codes, const std::int32_t* lengths,
                                 const float* h0, const float* c0, float* outputs, float* h_final, float* c_final) {
    try {
        const treadle::FlushDenormals flush;
        const treadle::Sizes sizes = {steps, batch, reader->sizes.features, reader->sizes.units};
        const std::vector<float> zeros(h0 && (c0 || !c_final) ? 0 : batch * sizes.units, 0.0f);
        treadle::Forward task = {};
        task.sizes = sizes;
        task.reverse = reverse;
        task.xs = xs;
        task.h0 = h0 ? h0 : zeros.data();
        task.c0 = c0 || !c_final ? c0 : zeros.data();
        task.outputs = outputs;
        task.h_final = h_final;
        task.c_final = c_final;
        treadle::read(*reader, task, codes, lengths);
        return true;
    } catch (const std::bad_alloc&) {
        return false;
    }
}

TREADLE_EXPORT void treadle_close_reader(const treadle::Reader* reader) { reader->close(); }
