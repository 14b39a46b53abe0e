// Large pieces of memory, which cost time where they are fresh: the system clears them page by page.
#pragma once

#include <cstdint>
#include <mutex>
#include <new>
#include <utility>

#include "recurrence.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace treadle {

// Asks for large pages under memory that is about to be written.
inline void enlarge_pages([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t bytes) {
#if defined(MADV_HUGEPAGE)
    constexpr std::uintptr_t LARGE = std::uintptr_t{2} << 20;
    const auto begin = reinterpret_cast<std::uintptr_t>(memory);
    const std::uintptr_t first = (begin + LARGE - 1) / LARGE * LARGE, last = (begin + bytes) / LARGE * LARGE;
    // Advice: where it is not taken, nothing changes.
    if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#endif
}

// Memory for the length of a call. One piece, of SMALLEST to LARGEST bytes, is kept for the next call to take over.
class Memory {
public:
    explicit Memory(std::size_t bytes) {
        {
            std::lock_guard<std::mutex> lock(mutex());
            if (bytes >= SMALLEST && kept().bytes >= bytes) std::swap(piece_, kept());
        }
        if (piece_.at) return;
        // One batch needs a little more than another.
        const std::size_t room = bytes < SMALLEST ? bytes : bytes + bytes / 8;
        piece_ = {::operator new(room + 1, ALIGNMENT), room};
        enlarge_pages(piece_.at, bytes);
    }
    ~Memory() {
        if (piece_.bytes >= SMALLEST && piece_.bytes <= LARGEST) {
            std::lock_guard<std::mutex> lock(mutex());
            if (kept().bytes < piece_.bytes) std::swap(piece_, kept());
        }
        if (piece_.at) ::operator delete(piece_.at, ALIGNMENT);
    }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;

    float* floats() const { return static_cast<float*>(piece_.at); }

private:
    struct Piece {
        void* at = nullptr;
        std::size_t bytes = 0;
    };
    static constexpr std::size_t SMALLEST = std::size_t{1} << 20, LARGEST = std::size_t{64} << 20;
    static constexpr std::align_val_t ALIGNMENT{64};

    static std::mutex& mutex() {
        static std::mutex one;
        return one;
    }
    static Piece& kept() {
        static Piece one;
        return one;
    }

    Piece piece_;
};

}  // namespace treadle
