"""Problems of fake quantizers: real values to the values that codes stand for.

Scale and zero point are given, or follow from limits that are given or measured
(golden/src/spec/fake.rs has the fields).
"""

import numpy as np

from problems import Maker, Problem

# The outputs of a fake quantizer, in order.
OUTPUTS = ("values", "codes", "factors", "zero_points")


def given(scale, zero_point=0.0, lowest=0.0, gain=1.0) -> dict:
    """One scale for the whole tensor."""
    numbers = {"scale": scale, "zero_point": zero_point, "lowest": lowest, "gain": gain}
    return {"scales": [{key: float(value) for key, value in numbers.items()}]}


def limits(least, greatest, symmetric: bool = False) -> dict:
    """A pair of limits, or one for each channel."""
    pairs = [[float(low), float(high)] for low, high in zip(np.ravel(least), np.ravel(greatest))]
    return {"limits": {"limits": pairs, "request": request(symmetric)}}


def measured(symmetric: bool, integral: bool = True) -> dict:
    """Limits are the least and the greatest value of each channel."""
    return {"measured": request(symmetric, integral)}


def request(symmetric: bool, integral: bool = True) -> dict:
    return {"symmetric": symmetric, "integral_zero_point": integral}


def fake_quantize(x, codes, parameters, axis=None, domain="plain", levels=None, what="") -> Problem:
    """`codes`: the lowest and the highest."""
    spec = {
        "shape": list(x.shape), "range": [int(code) for code in codes], "axis": axis, "domain": domain,
        "parameters": parameters,
    }  # fmt: skip
    if levels is not None:
        spec["levels"] = levels
    return Problem("fake_quantize", spec, [x], what=what or "real values to those of codes")


def results(**outputs) -> list:
    """Outputs by name, `None` where they are not captured. Codes and parameters are floats with one zero."""
    ordered = []
    for name in OUTPUTS:
        value = outputs.get(name)
        if value is not None:
            value = np.asarray(value, np.float32)
            value = value if name == "values" else value + np.float32(0)
            value = value if name in ("values", "codes") else value.reshape(-1)
        ordered.append(value)
    return ordered


SMALL = (1e-38, -1e-38)  # below the least normal number
ENDLESS = (np.inf, -np.inf, np.nan)
HUGE = (3e38, -3e38)


def around(maker: Maker, scale, zero_point, codes, count: int = 40, also=SMALL + ENDLESS + HUGE) -> np.ndarray:
    """Values of codes, ties and their neighbours, values beyond both ends, random ones, and those of `also`."""
    low, high = codes
    ends = np.arange(4) - 2
    steps = np.concatenate([maker.rng.integers(low, high + 1, count), low + ends, high + ends]) - np.float64(zero_point)
    ties = ((steps + 0.5) * np.float64(scale)).astype(np.float32)
    parts = [
        (steps * np.float64(scale)).astype(np.float32),
        ties,
        np.nextafter(ties, np.float32(np.inf)),
        np.nextafter(ties, np.float32(-np.inf)),
        ((maker.rng.random(count) * (high - low + 8) + low - 4 - zero_point) * scale).astype(np.float32),
        np.float32([0.0, -0.0, 1e9, -1e9, *also]),
    ]
    return np.concatenate(parts)
