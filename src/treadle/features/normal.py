"""The inverse of the normal distribution function, in NumPy."""

from __future__ import annotations

import numpy as np

from treadle.features.block import Floats

# Wichura (1988), "Algorithm AS 241: The Percentage Points of the Normal Distribution", PPND16: near the centre and in
# the tails a ratio of two polynomials, here with the highest power first; the outermost region is not needed.
_CENTRE_ABOVE = [
    2.5090809287301226727e3,
    3.3430575583588128105e4,
    6.7265770927008700853e4,
    4.5921953931549871457e4,
    1.3731693765509461125e4,
    1.9715909503065514427e3,
    1.3314166789178437745e2,
    3.3871328727963666080e0,
]
_CENTRE_BELOW = [
    5.2264952788528545610e3,
    2.8729085735721942674e4,
    3.9307895800092710610e4,
    2.1213794301586595867e4,
    5.3941960214247511077e3,
    6.8718700749205790830e2,
    4.2313330701600911252e1,
    1.0,
]
_TAIL_ABOVE = [
    7.74545014278341407640e-4,
    2.27238449892691845833e-2,
    2.41780725177450611770e-1,
    1.27045825245236838258e0,
    3.64784832476320460504e0,
    5.76949722146069140550e0,
    4.63033784615654529590e0,
    1.42343711074968357734e0,
]
_TAIL_BELOW = [
    1.05075007164441684324e-9,
    5.47593808499534494600e-4,
    1.51986665636164571966e-2,
    1.48103976427480074590e-1,
    6.89767334985100004550e-1,
    1.67638483018380384940e0,
    2.05319162663775882187e0,
    1.0,
]
# Shape (power, above or below the line, region).
_COEFFICIENTS = np.array([[_TAIL_ABOVE, _CENTRE_ABOVE], [_TAIL_BELOW, _CENTRE_BELOW]]).transpose(2, 0, 1).copy()


def normal_quantile(probability: Floats) -> Floats:
    """The number below which a standard normal variable falls with this probability.

    Any shape; probabilities from 1e-10 to 1 - 1e-10; accurate to about 1 part in 1e15.
    """
    offset = probability - 0.5
    central = np.abs(offset) <= 0.425
    tail = np.sqrt(-np.log(np.minimum(probability, 1.0 - probability)))
    variable = np.where(central, 0.180625 - offset * offset, tail - 1.6)
    # Gathering each element's own polynomial costs a single row a third of what evaluating both does.
    coefficients = _COEFFICIENTS[:, :, central.astype(np.intp)]
    ratio = coefficients[0]
    for coefficient in coefficients[1:]:
        ratio = ratio * variable + coefficient
    quotient = ratio[0] / ratio[1]
    return np.where(central, offset * quotient, np.copysign(quotient, offset))
