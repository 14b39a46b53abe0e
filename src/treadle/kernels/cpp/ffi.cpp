// What XLA calls: arguments checked and handed to the kernels.
#include <cstdlib>
#include <string>

#include "plan.h"
#include "pool.h"
#include "xla/ffi/api/ffi.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ffi = xla::ffi;

namespace treadle {
namespace {

using Array = ffi::Buffer<ffi::F32>;
using Lengths = ffi::Buffer<ffi::S32>;
using Out = ffi::Result<Array>;

const Engine* chosen = &plain::engine;

// Numbers too small for full precision count as zero, as in XLA's own loops: they are slow, and a thread of the pool
// might treat them in another way than the caller.
struct FlushDenormals {
#if defined(__x86_64__)
    const unsigned before = _mm_getcsr();
    FlushDenormals() { _mm_setcsr(before | 0x8040); }
    ~FlushDenormals() { _mm_setcsr(before); }
#endif
};

template <class Task>
ffi::Error run(const Task& task, const Lengths& lengths, ffi::ThreadPool& threads,
               void (*kernel)(const Task&, const Plan&, Pool&)) {
    try {
        const Shares shares(lengths.typed_data(), task.sizes.batch, task.sizes.steps, threads.num_threads());
        auto schedule = [&](auto job) {
            threads.Schedule([job] {
                FlushDenormals flush;
                job();
            });
        };
        SharedPool<decltype(schedule)> pool(schedule);
        FlushDenormals flush;
        kernel(task, shares.plan(), pool);
    } catch (const std::bad_alloc&) {
        return ffi::Error(ffi::ErrorCode::kResourceExhausted, "not enough memory for a recurrent layer");
    }
    return ffi::Error::Success();
}

const float* present(const Array& array) { return array.element_count() ? array.typed_data() : nullptr; }
float* present(Out& array) { return array->element_count() ? array->typed_data() : nullptr; }

ffi::Error sizes_of(const Array& xs, const Lengths& lengths, const Array& h0, std::int64_t cell, Sizes* sizes) {
    const auto x = xs.dimensions(), h = h0.dimensions();
    if (x.size() != 3 || h.size() != 2 || x[1] != h[0] || lengths.element_count() != static_cast<size_t>(x[1]))
        return ffi::Error::InvalidArgument("arrays of a recurrent layer do not fit together");
    if (cell < 0 || cell >= CELLS) return ffi::Error::InvalidArgument("no such recurrent cell");
    *sizes = {x[0], x[1], x[2], h[1]};
    return ffi::Error::Success();
}

ffi::Error forward(ffi::ThreadPool threads, std::int64_t cell, bool reverse, Array xs, Lengths lengths, Array input,
                   Array recurrent, Array bias, Array vectors, Array h0, Array c0, Array mask, Out outputs,
                   Out h_final, Out c_final, Out gates, Out cells) {
    Forward task = {};
    if (auto error = sizes_of(xs, lengths, h0, cell, &task.sizes); error.failure()) return error;
    task.weights = {input.typed_data(), recurrent.typed_data(), bias.typed_data(), vectors.typed_data()};
    task.reverse = reverse;
    task.xs = xs.typed_data();
    task.h0 = h0.typed_data();
    task.c0 = present(c0);
    task.mask = present(mask);
    task.outputs = outputs->typed_data();
    task.h_final = h_final->typed_data();
    task.c_final = present(c_final);
    task.gates = present(gates);
    task.cells = present(cells);
    return run(task, lengths, threads, chosen->forward[cell]);
}

ffi::Error backward(ffi::ThreadPool threads, std::int64_t cell, bool reverse, Array xs, Lengths lengths, Array input,
                    Array recurrent, Array bias, Array vectors, Array h0, Array c0, Array mask, Array outputs,
                    Array gates, Array cells, Array d_outputs, Array d_h, Array d_c, Out d_xs, Out d_input,
                    Out d_recurrent, Out d_bias, Out d_vectors, Out d_h0, Out d_c0) {
    Backward task = {};
    if (auto error = sizes_of(xs, lengths, h0, cell, &task.sizes); error.failure()) return error;
    task.weights = {input.typed_data(), recurrent.typed_data(), bias.typed_data(), vectors.typed_data()};
    task.reverse = reverse;
    task.xs = xs.typed_data();
    task.h0 = h0.typed_data();
    task.c0 = present(c0);
    task.mask = present(mask);
    task.outputs = outputs.typed_data();
    task.gates = present(gates);
    task.cells = present(cells);
    task.d_outputs = d_outputs.typed_data();
    task.d_h = d_h.typed_data();
    task.d_c = present(d_c);
    task.d_xs = d_xs->typed_data();
    task.d_h0 = d_h0->typed_data();
    task.d_c0 = present(d_c0);
    task.d_input = d_input->typed_data();
    task.d_recurrent = d_recurrent->typed_data();
    task.d_bias = d_bias->typed_data();
    task.d_vectors = d_vectors->typed_data();
    return run(task, lengths, threads, chosen->backward[cell]);
}

// What both handlers begin with: cell and direction, inputs and lengths.
auto bind() {
    return ffi::Ffi::Bind()
        .Ctx<ffi::ThreadPool>()
        .Attr<std::int64_t>("cell")
        .Attr<bool>("reverse")
        .Arg<Array>()
        .Arg<Lengths>();
}

template <int COUNT, class Binding>
auto arguments(Binding binding) {
    if constexpr (COUNT == 1)
        return std::move(binding).template Arg<Array>();
    else
        return arguments<COUNT - 1>(std::move(binding).template Arg<Array>());
}

template <int COUNT, class Binding>
auto results(Binding binding) {
    if constexpr (COUNT == 1)
        return std::move(binding).template Ret<Array>();
    else
        return results<COUNT - 1>(std::move(binding).template Ret<Array>());
}

}  // namespace
}  // namespace treadle

#define TREADLE_EXPORT extern "C" __attribute__((visibility("default")))

TREADLE_EXPORT XLA_FFI_Error* treadle_recurrence_forward(XLA_FFI_CallFrame* frame);
TREADLE_EXPORT XLA_FFI_Error* treadle_recurrence_backward(XLA_FFI_CallFrame* frame);
XLA_FFI_DEFINE_HANDLER_SYMBOL(treadle_recurrence_forward, treadle::forward,
                              treadle::results<5>(treadle::arguments<7>(treadle::bind())));
XLA_FFI_DEFINE_HANDLER_SYMBOL(treadle_recurrence_backward, treadle::backward,
                              treadle::results<7>(treadle::arguments<13>(treadle::bind())));

// The widest instruction set of this processor that is at most `name`; returns its name.
TREADLE_EXPORT const char* treadle_choose_engine(const char* name) {
    const std::string most = name;
    treadle::chosen = &treadle::plain::engine;
#if defined(__x86_64__)
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (most == "avx512" && avx2 && __builtin_cpu_supports("avx512f")) {
        treadle::chosen = &treadle::avx512::engine;
        return "avx512";
    }
    if (most != "plain" && avx2) {
        treadle::chosen = &treadle::avx2::engine;
        return "avx2";
    }
#endif
    return "plain";
}
