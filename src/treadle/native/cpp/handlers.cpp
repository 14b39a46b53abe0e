// What XLA calls: arguments checked and handed to the kernels.
#include "denormals.h"
#include "lookup.h"
#include "memory.h"
#include "plan.h"
#include "pool.h"
#include "tokens.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

namespace treadle {
namespace {

using Array = ffi::Buffer<ffi::F32>;
using Integers = ffi::Buffer<ffi::S32>;
using Out = ffi::Result<Array>;

const Engine* engine = nullptr;  // set before any handler is known to XLA

// XLA takes fresh memory for every run of a program, and touching it page by page costs as much time as the arithmetic.
void enlarge_pages(Out& array) { treadle::enlarge_pages(array->untyped_data(), array->size_bytes()); }

// Calls work(pool) with XLA's own threads as helpers: threads of our own would compete with them.
template <class Work>
ffi::Error with_pool(ffi::ThreadPool& threads, Work work) {
    try {
        auto schedule = [&](auto job) {
            threads.Schedule([job] {
                FlushDenormals flush;
                job();
            });
        };
        SharedPool<decltype(schedule)> pool(schedule);
        FlushDenormals flush;
        work(pool);
    } catch (const std::bad_alloc&) {
        return ffi::Error(ffi::ErrorCode::kResourceExhausted, "not enough memory for a recurrent layer");
    }
    return ffi::Error::Success();
}

// Codes have two axes where the inputs are rows of a table, and one, of length zero, where they are given themselves.
bool from_table(const Integers& codes) { return codes.dimensions().size() == 2; }

template <class Task>
ffi::Error run(Task& task, const Array& xs, const Integers& codes, const Integers& lengths, ffi::ThreadPool& threads,
               void (*kernel)(const Task&, const Plan&, Pool&)) {
    return with_pool(threads, [&](Pool& pool) {
        const Sizes& sizes = task.sizes;
        const Shares shares(lengths.typed_data(), sizes.batch, sizes.steps, threads.num_threads());
        if (!from_table(codes)) return kernel(task, shares.plan(), pool);
        const Words words(codes.typed_data(), lengths.typed_data(), sizes.steps, sizes.batch, xs.dimensions()[0]);
        const Tokens tokens = words.tokens();
        task.tokens = &tokens;
        kernel(task, shares.plan(), pool);
    });
}

// Cuts [0, count) into a range for every thread, at multiples of `grain`, and calls range(first, last) for each.
template <class Range>
ffi::Error in_ranges(ffi::ThreadPool& threads, Index count, Index grain, Range range) {
    struct Work {
        Range& range;
        Index count, each;
    };
    const Index grains = (count + grain - 1) / grain;
    const Index ranges = std::clamp<Index>(threads.num_threads(), 1, std::max<Index>(grains, 1));
    Work work{range, count, (grains + ranges - 1) / ranges * grain};
    return with_pool(threads, [&](Pool& pool) {
        pool.run(
            ranges,
            [](void* context, Index index) {
                const Work& work = *static_cast<Work*>(context);
                const Index first = std::min(index * work.each, work.count);
                work.range(first, std::min(first + work.each, work.count));
            },
            &work);
    });
}

constexpr Index LINE = 16;  // floats of a cache line, which no two threads should write

ffi::Error lookup(ffi::ThreadPool threads, Array table, Integers codes, Out rows) {
    const Index words = table.dimensions()[0], width = table.dimensions()[1];
    const Lookup task = {words, width, static_cast<Index>(codes.element_count()), codes.typed_data()};
    enlarge_pages(rows);
    return in_ranges(threads, task.count, LINE, [&](Index first, Index last) {
        look_up(task, table.typed_data(), rows->typed_data(), first, last);
    });
}

ffi::Error lookup_gradient(ffi::ThreadPool threads, Integers codes, Array d_rows, Out d_table) {
    const Index words = d_table->dimensions()[0], width = d_table->dimensions()[1];
    const Lookup task = {words, width, static_cast<Index>(codes.element_count()), codes.typed_data()};
    enlarge_pages(d_table);
    return in_ranges(threads, width, LINE, [&](Index first, Index last) {
        add_up(task, d_rows.typed_data(), d_table->typed_data(), first, last);
    });
}

const float* present(const Array& array) { return array.element_count() ? array.typed_data() : nullptr; }
float* present(Out& array) { return array->element_count() ? array->typed_data() : nullptr; }

ffi::Error sizes_of(const Array& xs, const Integers& codes, const Integers& lengths, const Array& h0,
                    std::int64_t cell, Sizes* sizes) {
    const auto x = xs.dimensions(), steps = from_table(codes) ? codes.dimensions() : x, h = h0.dimensions();
    if (x.size() != (from_table(codes) ? 2 : 3) || h.size() != 2 || steps[1] != h[0] ||
        lengths.element_count() != static_cast<size_t>(steps[1]))
        return ffi::Error::InvalidArgument("arrays of a recurrent layer do not fit together");
    if (cell < 0 || cell >= CELLS) return ffi::Error::InvalidArgument("no such recurrent cell");
    *sizes = {steps[0], steps[1], x.back(), h[1]};
    return ffi::Error::Success();
}

ffi::Error forward(ffi::ThreadPool threads, std::int64_t cell, bool reverse, Array xs, Integers codes,
                   Integers lengths, Array input, Array recurrent, Array bias, Array vectors, Array h0, Array c0,
                   Array mask, Out outputs, Out h_final, Out c_final, Out gates, Out cells) {
    Forward task = {};
    if (auto error = sizes_of(xs, codes, lengths, h0, cell, &task.sizes); error.failure()) return error;
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
    for (Out* array : {&outputs, &gates, &cells}) enlarge_pages(*array);
    return run(task, xs, codes, lengths, threads, engine->forward[cell]);
}

ffi::Error backward(ffi::ThreadPool threads, std::int64_t cell, bool reverse, Array xs, Integers codes,
                    Integers lengths, Array input, Array recurrent, Array bias, Array vectors, Array h0, Array c0,
                    Array mask, Array outputs, Array gates, Array cells, Array d_outputs, Array d_h, Array d_c,
                    Out d_xs, Out d_input, Out d_recurrent, Out d_bias, Out d_vectors, Out d_h0, Out d_c0) {
    Backward task = {};
    if (auto error = sizes_of(xs, codes, lengths, h0, cell, &task.sizes); error.failure()) return error;
    task.weights = {input.typed_data(), recurrent.typed_data(), bias.typed_data(), vectors.typed_data()};
    task.reverse = reverse;
    task.xs = xs.typed_data();
    task.h0 = h0.typed_data();
    task.c0 = present(c0);
    task.mask = present(mask);
    task.outputs = outputs.typed_data();
    task.gates = present(gates);
    task.cells = present(cells);
    task.d_outputs = present(d_outputs);
    task.d_h = d_h.typed_data();
    task.d_c = present(d_c);
    task.d_xs = present(d_xs);
    task.d_h0 = d_h0->typed_data();
    task.d_c0 = present(d_c0);
    task.d_input = d_input->typed_data();
    task.d_recurrent = d_recurrent->typed_data();
    task.d_bias = d_bias->typed_data();
    task.d_vectors = d_vectors->typed_data();
    enlarge_pages(d_xs);
    return run(task, xs, codes, lengths, threads, engine->backward[cell]);
}

// What both handlers begin with: cell and direction, inputs (or table and codes) and lengths.
auto bind() {
    return ffi::Ffi::Bind()
        .Ctx<ffi::ThreadPool>()
        .Attr<std::int64_t>("cell")
        .Attr<bool>("reverse")
        .Arg<Array>()
        .Arg<Integers>()
        .Arg<Integers>();
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

TREADLE_EXPORT XLA_FFI_Error* treadle_lookup(XLA_FFI_CallFrame* frame);
TREADLE_EXPORT XLA_FFI_Error* treadle_lookup_gradient(XLA_FFI_CallFrame* frame);
XLA_FFI_DEFINE_HANDLER_SYMBOL(treadle_lookup, treadle::lookup,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<treadle::Array>()
                                  .Arg<treadle::Integers>()
                                  .Ret<treadle::Array>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(treadle_lookup_gradient, treadle::lookup_gradient,
                              ffi::Ffi::Bind()
                                  .Ctx<ffi::ThreadPool>()
                                  .Arg<treadle::Integers>()
                                  .Arg<treadle::Array>()
                                  .Ret<treadle::Array>());

// The kernels that the handlers call from now on.
TREADLE_EXPORT void treadle_use_engine(const treadle::Engine* engine) { treadle::engine = engine; }
