// The arithmetic of each cell's gates, forward and backward, for LANES units of one row.
//
// A row's gates lie in blocks: UNIT_VECTORS * LANES units, and for these the SLOTS that the cell needs, one after
// another. The input product fills the first GATES slots, the recurrent product adds to GATES slots from
// RECURRENT_SLOT on; the two ranges differ only where a gate needs its two halves apart, as in the GRU.
#pragma once

#include "vector.h"

namespace treadle::TREADLE_ISA {

// One unit of one row at one step, as the backward pass finds it.
struct Unit {
    Vector slot[4];            // what `forward` left in the slots
    Vector c, c_before;        // memory after and before the step
    Vector h, h_before;        // hidden state after and before the step
    const Vector* vectors;     // the cell's per-unit weights
};

// Shared by the cells that differ in nothing but the gates below. KEEPS: whether backward needs the slots. DIRECT:
// whether h_before reaches h by a way other than the recurrent product.
struct Plain {
    static constexpr int RECURRENT_SLOT = 0, UNIT_VECTORS = 1, VECTORS = 0;
    static constexpr bool MEMORY = true, KEEPS = true, DIRECT = false;
    static constexpr int INPUT_GATE[] = {0, 1, 2, 3}, RECURRENT_GATE[] = {0, 1, 2, 3};
};

struct Simple : Plain {
    // Two vectors of units a block: one product of a row with one vector leaves the multipliers waiting for loads.
    static constexpr int GATES = 1, SLOTS = 1, UNIT_VECTORS = 2;
    static constexpr bool MEMORY = false, KEEPS = false;
};

struct SimpleTanh : Simple {
    static Vector forward(Vector* slot, Vector&, const Vector*) { return tanh(slot[0]); }

    static Vector backward(const Unit& at, Vector dh, Vector&, Vector* d_slot, Vector*) {
        d_slot[0] = dh * (1.0f - at.h * at.h);
        return Vector{};
    }
};

struct SimpleRelu : Simple {
    // Written so that NaN stays NaN.
    static Vector forward(Vector* slot, Vector&, const Vector*) { return slot[0] < 0.0f ? Vector{} : slot[0]; }

    static Vector backward(const Unit& at, Vector dh, Vector&, Vector* d_slot, Vector*) {
        d_slot[0] = at.h > 0.0f ? dh : Vector{};
        return Vector{};
    }
};

// Slots: input i, forget f, candidate g, output o. vectors: none, or peepholes of i, f and o.
template <bool PEEPHOLES>
struct LongShortTerm : Plain {
    static constexpr int GATES = 4, SLOTS = 4, VECTORS = PEEPHOLES ? 3 : 0;

    static Vector forward(Vector* slot, Vector& c, const Vector* vectors) {
        Vector& i = slot[0];
        Vector& f = slot[1];
        Vector& g = slot[2];
        Vector& o = slot[3];
        if constexpr (PEEPHOLES) {
            i += vectors[0] * c;
            f += vectors[1] * c;
        }
        i = sigmoid(i);
        f = sigmoid(f);
        g = tanh(g);
        c = f * c + i * g;
        if constexpr (PEEPHOLES) o += vectors[2] * c;
        o = sigmoid(o);
        return o * tanh(c);
    }

    static Vector backward(const Unit& at, Vector dh, Vector& dc, Vector* d_slot, Vector* d_vectors) {
        const Vector &i = at.slot[0], &f = at.slot[1], &g = at.slot[2], &o = at.slot[3];
        Vector tanh_c = tanh(at.c);
        Vector d_o = dh * tanh_c * (o * (1.0f - o));
        Vector d_c = dc + dh * o * (1.0f - tanh_c * tanh_c);
        if constexpr (PEEPHOLES) d_c += at.vectors[2] * d_o;
        Vector d_i = d_c * g * (i * (1.0f - i));
        Vector d_f = d_c * at.c_before * (f * (1.0f - f));
        Vector d_g = d_c * i * (1.0f - g * g);
        dc = d_c * f;
        if constexpr (PEEPHOLES) {
            dc += at.vectors[0] * d_i + at.vectors[1] * d_f;
            d_vectors[0] += d_i * at.c_before;
            d_vectors[1] += d_f * at.c_before;
            d_vectors[2] += d_o * at.c;
        }
        d_slot[0] = d_i;
        d_slot[1] = d_f;
        d_slot[2] = d_g;
        d_slot[3] = d_o;
        return Vector{};
    }
};

// Slots: forget f, candidate g, output o. What is forgotten makes room for what is let in.
struct Coupled : Plain {
    static constexpr int GATES = 3, SLOTS = 3;

    static Vector forward(Vector* slot, Vector& c, const Vector*) {
        Vector& f = slot[0];
        Vector& g = slot[1];
        Vector& o = slot[2];
        f = sigmoid(f);
        g = tanh(g);
        o = sigmoid(o);
        c = f * c + (1.0f - f) * g;
        return o * tanh(c);
    }

    static Vector backward(const Unit& at, Vector dh, Vector& dc, Vector* d_slot, Vector*) {
        const Vector &f = at.slot[0], &g = at.slot[1], &o = at.slot[2];
        Vector tanh_c = tanh(at.c);
        Vector d_c = dc + dh * o * (1.0f - tanh_c * tanh_c);
        dc = d_c * f;
        d_slot[0] = d_c * (at.c_before - g) * (f * (1.0f - f));
        d_slot[1] = d_c * (1.0f - f) * (1.0f - g * g);
        d_slot[2] = dh * tanh_c * (o * (1.0f - o));
        return Vector{};
    }
};

// Slots: candidate n (its input half), update z, reset r, and the recurrent half of the candidate q, which starts as
// vectors[0]. Gates of the weights: z, r, n.
struct GatedRecurrent : Plain {
    static constexpr int GATES = 3, SLOTS = 4, RECURRENT_SLOT = 1, VECTORS = 1;
    static constexpr int INPUT_GATE[] = {2, 0, 1}, RECURRENT_GATE[] = {0, 1, 2};
    static constexpr bool MEMORY = false, DIRECT = true;

    // `c` is the hidden state here: the cell has no other.
    static Vector forward(Vector* slot, Vector& c, const Vector*) {
        Vector& n = slot[0];
        Vector& z = slot[1];
        Vector& r = slot[2];
        z = sigmoid(z);
        r = sigmoid(r);
        n = tanh(n + r * slot[3]);
        c = n + z * (c - n);
        return c;
    }

    static Vector backward(const Unit& at, Vector dh, Vector&, Vector* d_slot, Vector* d_vectors) {
        const Vector &n = at.slot[0], &z = at.slot[1], &r = at.slot[2], &q = at.slot[3];
        Vector d_n = dh * (1.0f - z) * (1.0f - n * n);
        d_slot[0] = d_n;
        d_slot[1] = dh * (at.h_before - n) * (z * (1.0f - z));
        d_slot[2] = d_n * q * (r * (1.0f - r));
        d_slot[3] = d_n * r;
        d_vectors[0] += d_slot[3];
        return dh * z;
    }
};

}  // namespace treadle::TREADLE_ISA
