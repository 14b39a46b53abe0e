// Drives the kernels without XLA, over arrays of exactly their size, for a run under sanitizers.
#include <cmath>
#include <cstdio>
#include <functional>
#include <random>
#include <thread>
#include <vector>

#include "lookup.h"
#include "plan.h"
#include "pool.h"
#include "tokens.h"

using namespace treadle;
using Floats = std::vector<float>;

namespace {

constexpr Index GATES[] = {1, 1, 4, 4, 3, 3}, SLOTS[] = {0, 0, 4, 4, 3, 4}, VECTORS[] = {0, 0, 0, 3, 0, 1};

std::mt19937 random_bits(7);

Floats normal(Index count) {
    std::normal_distribution<float> draw(0.0f, 0.5f);
    Floats numbers(count);
    for (float& number : numbers) number = draw(random_bits);
    return numbers;
}

bool finite(const Floats& numbers) {
    for (float number : numbers)
        if (!std::isfinite(number)) return false;
    return true;
}

// A reader that outlives the weights it is given.
Reader* open_reader(int cell, const Sizes& sizes, Floats input, Floats recurrent, Floats bias, Floats vectors,
                    const float* table, Index words) {
    Forward task = {};
    task.sizes = {0, 0, sizes.features, sizes.units};
    task.weights = {input.data(), recurrent.data(), bias.data(), vectors.data()};
    task.xs = table;
    return plain::engine.open[cell](task, words);
}

// Reads every shard on a thread of its own.
void read_shards(const Reader& reader, const Forward& task, const Plan& plan) {
    std::vector<std::thread> readers;
    for (Index shard = 0; shard < plan.shards; ++shard)
        readers.emplace_back([&, shard] { reader.read(task, {1, plan.shard + shard}); });
    for (std::thread& each : readers) each.join();
}

// One layer forwards and backwards, and forwards by a reader; false where a result is no number, stands where none
// should, or is another one by a reader.
bool run(int cell, Sizes sizes, bool reverse, bool masked, bool kept, bool from_table, Index threads, Index table = 4) {
    const Index gates = GATES[cell], padded = (sizes.units + WIDEST - 1) / WIDEST * WIDEST;
    const Index rows = sizes.batch * sizes.units, steps = sizes.steps * sizes.batch;
    const bool memory = cell == LSTM || cell == PEEPHOLE_LSTM || cell == COUPLED_LSTM;
    std::vector<std::int32_t> lengths(sizes.batch);
    for (std::int32_t& length : lengths) length = random_bits() % (sizes.steps + 1);
    std::vector<std::int32_t> codes(steps);
    for (std::int32_t& code : codes) code = static_cast<std::int32_t>(random_bits() % (table + 2)) - 1;
    const Words words(codes.data(), lengths.data(), sizes.steps, sizes.batch, table);
    const Tokens named = words.tokens(), *tokens = from_table ? &named : nullptr;
    std::vector<std::thread> helpers;
    auto schedule = [&](std::function<void()> job) { helpers.emplace_back(job); };
    SharedPool<decltype(schedule)> pool(schedule);
    const Shares shares(lengths.data(), sizes.batch, sizes.steps, threads);

    const Floats input = normal(sizes.features * gates * sizes.units), recurrent = normal(sizes.units * gates * sizes.units);
    const Floats bias = normal(gates * sizes.units), vectors = normal(VECTORS[cell] * sizes.units);
    const Floats xs = normal((from_table ? table : steps) * sizes.features), h0 = normal(rows), c0 = normal(memory ? rows : 0);
    const Floats mask = normal(masked ? rows : 0);
    Floats outputs(steps * sizes.units, NAN), h_final(rows, NAN), c_final(memory ? rows : 0, NAN);
    Floats kept_gates(kept ? steps * SLOTS[cell] * padded : 0), kept_cells(kept && memory ? steps * padded : 0);
    const Weights weights = {input.data(), recurrent.data(), bias.data(), vectors.data()};
    Engine const& engine = plain::engine;
    engine.forward[cell]({sizes, weights, reverse, xs.data(), tokens, h0.data(), memory ? c0.data() : nullptr,
                          masked ? mask.data() : nullptr, outputs.data(), h_final.data(), c_final.data(),
                          kept_gates.empty() ? nullptr : kept_gates.data(),
                          kept_cells.empty() ? nullptr : kept_cells.data()},
                         shares.plan(), pool);
    bool good = finite(outputs) && finite(h_final) && finite(c_final);
    for (Index row = 0; row < sizes.batch; ++row)
        for (Index time = lengths[row]; time < sizes.steps; ++time)
            for (Index unit = 0; unit < sizes.units; ++unit)
                good = good && outputs[(time * sizes.batch + row) * sizes.units + unit] == 0.0f;
    if (!masked) {
        Reader* reader = open_reader(cell, sizes, input, recurrent, bias, vectors, from_table ? xs.data() : nullptr, table);
        std::vector<std::int32_t> numbers = codes;
        for (std::int32_t& number : numbers)
            if (number < 0) number = static_cast<std::int32_t>(table);
        const Tokens all = {table, table + 1, nullptr, numbers.data()};
        Floats read(outputs.size(), NAN), h_read(rows, NAN), c_read(c_final.size(), NAN);
        Forward task = {};
        task.sizes = sizes;
        task.reverse = reverse;
        task.xs = from_table ? nullptr : xs.data();
        task.tokens = !from_table ? nullptr : reader->ready ? &all : &named;
        task.h0 = h0.data();
        task.c0 = memory ? c0.data() : nullptr;
        task.outputs = read.data();
        task.h_final = h_read.data();
        task.c_final = memory ? c_read.data() : nullptr;
        read_shards(*reader, task, shares.plan());
        good = good && read == outputs && h_read == h_final && c_read == c_final;
        task.outputs = nullptr;
        h_read.assign(rows, NAN);
        reader->read(task, shares.plan());
        good = good && h_read == h_final && c_read == c_final;
        reader->close();
    }
    if (kept) {
        const Floats d_outputs = normal(steps * sizes.units), d_h = normal(rows), d_c = normal(c0.size());
        Floats d_xs(xs.size(), NAN), d_h0(rows, NAN), d_c0(c0.size(), NAN), d_input(input.size(), NAN);
        Floats d_recurrent(recurrent.size(), NAN), d_bias(bias.size(), NAN), d_vectors(vectors.size(), NAN);
        engine.backward[cell]({sizes, weights, reverse, xs.data(), tokens, h0.data(), memory ? c0.data() : nullptr,
                               masked ? mask.data() : nullptr, outputs.data(), kept_gates.data(), kept_cells.data(),
                               reverse ? nullptr : d_outputs.data(), d_h.data(), d_c.data(),
                               masked ? nullptr : d_xs.data(), d_h0.data(), d_c0.data(), d_input.data(),
                               d_recurrent.data(), d_bias.data(), d_vectors.data()},
                              shares.plan(), pool);
        good = good && (masked || finite(d_xs)) && finite(d_h0) && finite(d_c0) && finite(d_input) &&
               finite(d_recurrent) && finite(d_bias) && finite(d_vectors);
    }
    for (std::thread& helper : helpers) helper.join();
    return good;
}

bool run_lookup() {
    const std::vector<std::int32_t> codes = {0, 4, -1, 5, 2, 4, 1 << 30};
    const Lookup task = {5, 19, static_cast<Index>(codes.size()), codes.data()};
    const Floats table = normal(task.words * task.width), d_rows = normal(task.count * task.width);
    Floats rows(d_rows.size(), NAN), d_table(table.size(), NAN);
    look_up(task, table.data(), rows.data(), 0, 3);
    look_up(task, table.data(), rows.data(), 3, task.count);
    add_up(task, d_rows.data(), d_table.data(), 0, 16);
    add_up(task, d_rows.data(), d_table.data(), 16, 19);
    return finite(rows) && finite(d_table) && rows[2 * task.width] == 0.0f && d_table[3 * task.width] == 0.0f;
}

// Memory that calls hand on to each other belongs to one at a time.
bool run_memory() {
    std::vector<std::thread> callers;
    bool alone[4] = {true, true, true, true};
    for (bool& mine : alone)
        callers.emplace_back([&mine] {
            for (Index call = 0; call < 20; ++call) {
                const Index count = (call % 3 + 1) << 18;
                const Memory memory(count * sizeof(float));
                memory.floats()[0] = memory.floats()[count - 1] = static_cast<float>(call);
                mine = mine && memory.floats()[0] == static_cast<float>(call);
            }
        });
    for (std::thread& caller : callers) caller.join();
    return alone[0] && alone[1] && alone[2] && alone[3];
}

}  // namespace

int main() {
    const Sizes shapes[] = {{5, 9, 3, 7}, {3, 70, 17, 33}, {1, 1, 1, 1}, {0, 3, 2, 5}, {4, 0, 2, 5}, {3, 2, 0, 16}, {9, 6, 70, 64}};
    for (int cell = 0; cell < CELLS; ++cell)
        for (const Sizes& sizes : shapes)
            for (int way = 0; way < 16; ++way)
                if (!run(cell, sizes, way & 1, way & 2, way & 4, way & 8, 1 + way % 3)) {
                    std::printf("cell %d, %td steps, batch %td, %td features, %td units, way %d: wrong\n", cell,
                                sizes.steps, sizes.batch, sizes.features, sizes.units, way);
                    return 1;
                }
    // More words than products are kept of.
    if (!run(LSTM, {3, 5, 1, 64}, false, false, false, true, 1, (1 << 16) + 1)) {
        std::printf("a large table: wrong\n");
        return 1;
    }
    if (!run_lookup()) {
        std::printf("lookup: wrong\n");
        return 1;
    }
    if (!run_memory()) {
        std::printf("memory: wrong\n");
        return 1;
    }
    std::printf("ok\n");
    return 0;
}
