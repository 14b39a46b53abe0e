// Compiled once for every instruction set, which TREADLE_ISA names.
#include "backward.h"
#include "reading.h"

namespace treadle::TREADLE_ISA {

extern const Engine engine = {
    {forward<SimpleTanh>, forward<SimpleRelu>, forward<LongShortTerm<false>>, forward<LongShortTerm<true>>,
     forward<Coupled>, forward<GatedRecurrent>},
    {backward<SimpleTanh>, backward<SimpleRelu>, backward<LongShortTerm<false>>, backward<LongShortTerm<true>>,
     backward<Coupled>, backward<GatedRecurrent>},
    {open<SimpleTanh>, open<SimpleRelu>, open<LongShortTerm<false>>, open<LongShortTerm<true>>, open<Coupled>,
     open<GatedRecurrent>},
};

}  // namespace treadle::TREADLE_ISA
