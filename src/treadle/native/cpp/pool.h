// Work shared between the thread that has it and helpers that come when they are free; and memory for it.
#pragma once

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "memory.h"

namespace treadle {

// `schedule(job)` has some thread call `job()`, some time. The caller takes tasks too and waits only for those that a
// helper has begun, so that it makes progress when no helper is free, and no thread spins.
template <class Schedule>
class SharedPool final : public Pool {
public:
    explicit SharedPool(Schedule schedule) : schedule_(std::move(schedule)) {}

    void run(Index count, void (*task)(void*, Index), void* context) override {
        auto work = std::make_shared<Work>();
        work->count = count;
        work->task = task;
        work->context = context;
        for (Index helper = 1; helper < count; ++helper) schedule_([work] { work->take_tasks(); });
        work->take_tasks();
        std::unique_lock<std::mutex> lock(work->mutex);
        work->all_done.wait(lock, [&] { return work->done == count; });
        if (work->failure) std::rethrow_exception(work->failure);
    }

    float* memory(Index count) override {
        memory_.reset();
        return memory_.emplace(count * sizeof(float)).floats();
    }

private:
    struct Work {
        std::mutex mutex;
        std::condition_variable all_done;
        Index count, next = 0, done = 0;
        void (*task)(void*, Index);
        void* context;  // gone once all are done: a helper that comes later must not look
        std::exception_ptr failure;

        void take_tasks() {
            std::unique_lock<std::mutex> lock(mutex);
            while (next < count) {
                const Index mine = next++;
                lock.unlock();
                std::exception_ptr thrown;
                try {
                    task(context, mine);
                } catch (...) {
                    thrown = std::current_exception();
                }
                lock.lock();
                if (thrown) failure = thrown;
                if (++done == count) all_done.notify_all();
            }
        }
    };

    Schedule schedule_;
    std::optional<Memory> memory_;
};

}  // namespace treadle
