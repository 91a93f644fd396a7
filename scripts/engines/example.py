#!/usr/bin/env python3
"""An engine in numpy that conforms to the profile `exact`: exact sums, one multiplication in f32."""

from qassay_worker import Unsupported, serve  # first: it says so where numpy is missing

import numpy as np

LIMITS = {"u8": (0, 255, np.uint8), "s8": (-128, 127, np.int8)}


def scales(given):
    pairs = given["per_channel"]["qparams"] if "per_channel" in given else [given["per_tensor"]]
    return np.float32([q["scale"] for q in pairs]), np.array([q["zero_point"] for q in pairs])


def linear(spec, weights, bias):
    given, out = spec["activation"], spec["output"]
    if "quantized" not in given or "quantized" not in out or spec["bias"] != "none" or spec["relu"]:
        raise Unsupported("linear: codes to codes only, without bias and relu")
    x, y = given["quantized"]["qparams"], out["quantized"]
    scale, zero = scales(spec["weights"])
    low, high, kind = LIMITS[y["dtype"]]
    centred = (weights.astype(np.int64) - zero[:, None]).T
    factor = np.float32(x["scale"]) * scale / np.float32(y["qparams"]["scale"])

    def run(codes):
        sums = (codes.astype(np.int64) - x["zero_point"]) @ centred
        scaled = np.rint(sums.astype(np.int32).astype(np.float32) * factor).astype(np.int64)
        return np.clip(scaled + y["qparams"]["zero_point"], low, high).astype(kind)

    return run


def quantize(spec, _weights, _bias):
    if spec["dtype"] not in LIMITS or "per_channel" in spec["granularity"]:
        raise Unsupported("quantize: to u8 and s8 by one scale only")
    (scale,), (zero,) = scales(spec["granularity"])
    low, high, kind = LIMITS[spec["dtype"]]
    low, high = spec["range"] or (low, high)

    def run(values):
        # What is beyond i32 the profile leaves open; here it is clamped.
        steps = np.rint(np.clip(np.nan_to_num(values * (np.float32(1) / scale)), -(2.0**40), 2.0**40))
        return np.clip(steps.astype(np.int64) + zero, low, high).astype(kind)

    return run


OPS = {"linear": linear, "quantize": quantize}


def prepare(op, spec, weights, bias):
    if op not in OPS:
        raise Unsupported(f"{op}: this example has {', '.join(OPS)}")
    return OPS[op](spec, weights, bias)


serve({"name": "numpy", "isa": "any", "profile": "exact", "preconditions": [], "ops": list(OPS)}, prepare)
