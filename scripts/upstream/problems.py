"""Problems: an op's spec in the documented form with seeded inputs and constants.

Data is random plus boundaries: exact ties and their neighbours, both sides of
saturation, zero points at the ends, corners of code ranges, ±infinity and NaN
where the op defines them. Layouts are those of golden files: activations
channel-last, weights `[out, kernel.., in / groups]`. Scales are f32 values, which
every system can be given exactly.
"""

from dataclasses import dataclass, field

import numpy as np

RANGE = {"u8": (0, 255), "s8": (-128, 127), "s32": (-(2**31), 2**31 - 1)}
TYPE = {"u8": np.uint8, "s8": np.int8, "s32": np.int32}


@dataclass
class Problem:
    op: str
    spec: dict
    inputs: list
    weights: np.ndarray | None = None
    bias: np.ndarray | None = None
    what: str = ""
    extra: dict = field(default_factory=dict)


def pair(scale, zero_point: int) -> dict:
    return {"scale": float(np.float32(scale)), "zero_point": int(zero_point)}


def tensor(dtype: str, scale, zero_point: int) -> dict:
    return {"dtype": dtype, "qparams": pair(scale, zero_point)}


class Maker:
    """Makes problems; the same seed gives the same ones on every machine."""

    def __init__(self, seed: int):
        self.rng = np.random.Generator(np.random.PCG64(seed))

    def problem(self, op: str, spec: dict, inputs: list, what: str) -> Problem:
        """A problem that a system's module puts together itself."""
        return Problem(op, spec, inputs, what=what)

    # --- parts ---------------------------------------------------------------

    def scale(self, power_of_two: bool = False) -> np.float32:
        exponent = int(self.rng.integers(-6, 1))
        mantissa = 1.0 if power_of_two else 1 + self.rng.integers(1, 2**20) / 2**20
        return np.float32(mantissa * 2.0**exponent)

    def zero_point(self, dtype: str) -> int:
        low, high = RANGE[dtype]
        if dtype == "s32":
            return 0
        ends = [low, high, (low + high + 1) // 2]
        return int(self.rng.choice(ends + [int(self.rng.integers(low, high + 1)) for _ in range(3)]))

    def codes(self, dtype: str, shape, low=None, high=None) -> np.ndarray:
        """Uniform codes, a quarter of them at the ends of the range."""
        low = RANGE[dtype][0] if low is None else low
        high = RANGE[dtype][1] if high is None else high
        codes = self.rng.integers(low, high + 1, shape)
        at = self.rng.random(shape)
        codes = np.where(at < 0.125, low, np.where(at > 0.875, high, codes))
        return codes.astype(TYPE[dtype])

    def reals(self, scale, zero_point: int, dtype: str, special: bool = True) -> np.ndarray:
        """Values around every kind of boundary of these parameters, and random ones."""
        low, high = (-128, 127) if dtype == "s32" else RANGE[dtype]
        span = np.arange(low - 3, high + 4, dtype=np.float64) - zero_point
        ties = ((span + 0.5) * np.float64(scale)).astype(np.float32)
        near = self.rng.choice(ties, 64)
        parts = [
            ties,
            np.nextafter(near, np.float32(np.inf)),
            np.nextafter(near, np.float32(-np.inf)),
            (span * np.float64(scale)).astype(np.float32),
            np.float32([0.0, -0.0, 1e-45, -1e-45, 1e-38, -1e-38, 1e9, -1e9, 3e38, -3e38]),
            (self.rng.standard_normal(128) * float(scale) * 100).astype(np.float32),
        ]
        if special:
            parts.append(np.float32([np.inf, -np.inf, np.nan]))
        return np.concatenate(parts)

    def values(self, shape, spread: float = 1.0) -> np.ndarray:
        return (self.rng.standard_normal(shape) * spread).astype(np.float32)

    def granularity(self, channels: int | None, dtype: str, axis: int = 0, zero: bool = True, po2=False):
        """One pair, or one for each channel; `zero`: all zero points are 0."""
        point = (lambda: 0) if zero else (lambda: self.zero_point(dtype))
        if channels is None:
            return {"per_tensor": pair(self.scale(po2), point())}
        pairs = [pair(self.scale(po2), point()) for _ in range(channels)]
        return {"per_channel": {"axis": axis, "qparams": pairs}}

    # --- element by element --------------------------------------------------

    def quantize(self, dtype: str, special: bool = True, limits=None) -> Problem:
        scale, zero = self.scale(self.rng.random() < 0.3), self.zero_point(dtype)
        x = self.reals(scale, zero, dtype, special)
        spec = {
            "shape": [x.size],
            "dtype": dtype,
            "granularity": {"per_tensor": pair(scale, zero)},
            "range": limits,
        }
        return Problem("quantize", spec, [x], what="f32 to codes, one scale")

    def quantize_channels(self, dtype: str, channels: int = 5, limits=None, zero=False) -> Problem:
        """Channels along the first axis."""
        given = self.granularity(channels, dtype, zero=zero)
        rows = [
            self.reals(q["scale"], q["zero_point"], dtype, special=False)
            for q in given["per_channel"]["qparams"]
        ]
        x = np.stack(rows)
        spec = {"shape": list(x.shape), "dtype": dtype, "granularity": given, "range": limits}
        return Problem("quantize", spec, [x], what="f32 to codes, a scale per channel")

    def dequantize(self, dtype: str, channels: int | None = None) -> Problem:
        low, high = (-300, 300) if dtype == "s32" else RANGE[dtype]
        q = np.arange(low, high + 1)
        if dtype == "s32":
            q = np.concatenate([q, [2**31 - 1, -(2**31), 2**24 + 1, 12345677]])
        q = q.astype(TYPE[dtype])
        if channels is None:
            given = {"per_tensor": pair(self.scale(), self.zero_point(dtype))}
        else:
            q = np.stack([q] * channels)
            given = self.granularity(channels, dtype, zero=dtype == "s32")
        spec = {"shape": list(q.shape), "dtype": dtype, "granularity": given}
        return Problem("dequantize", spec, [q], what="every code to f32")

    def pointwise(self, dtype: str, like: dict | None = None) -> dict:
        return tensor(dtype, self.scale(self.rng.random() < 0.3), self.zero_point(dtype))

    def binary(self, op: str, dtype: str, relu: bool = False, ties: bool = False, near: bool = False) -> Problem:
        """Add or mul of every code with every seventh code; with `ties`, half of all
        results lie halfway between two codes. With `near`, of every code with every code:
        scales are no binary fractions and their ratios next to some, so that the last bit of
        whatever is rounded on the way decides."""
        low, high = RANGE[dtype]
        a, b = np.meshgrid(np.arange(low, high + 1), np.arange(low, high + 1, 1 if near else 7))
        a, b = (v.reshape(-1).astype(TYPE[dtype]) for v in (a, b))
        scales = [self.scale(ties or self.rng.random() < 0.3) for _ in range(2)]
        if ties:
            scales[1] = scales[0]
        given = [tensor(dtype, scale, self.zero_point(dtype)) for scale in scales]
        reach = 60.0 * scales[0] * scales[1] if op == "mul" else 2.0 * max(scales)
        reach *= 0.5 + self.rng.random()
        if ties:
            reach = 2.0 * scales[0] * (scales[1] if op == "mul" else 1.0)
        if near:
            first, power = float(self.scale(False)), lambda low, high: 2.0 ** int(self.rng.integers(low, high))
            odd = lambda: int(self.rng.integers(1, 9))  # noqa: E731
            second = self.scale(False) if op == "mul" else first * odd() * power(-4, 0)
            reach = first * float(np.float32(second)) * power(3, 8) if op == "mul" else first * odd() * power(-2, 2)
            given = [tensor(dtype, np.float32(scale), self.zero_point(dtype)) for scale in (first, second)]
        out = tensor(dtype, np.float32(reach), self.zero_point(dtype))
        spec = {"shape": [a.size], "a": given[0], "b": given[1], "output": out, "relu": relu}
        return Problem(op, spec, [a, b], what=f"{op} of two tensors")

    def relu(self, dtype: str) -> Problem:
        q = np.arange(RANGE[dtype][0], RANGE[dtype][1] + 1).astype(TYPE[dtype])
        return Problem("relu", {"shape": [q.size], "tensor": self.pointwise(dtype)}, [q], what="every code")

    def clamp(self, dtype: str, low: int, high: int) -> Problem:
        q = np.arange(RANGE[dtype][0], RANGE[dtype][1] + 1).astype(TYPE[dtype])
        spec = {"shape": [q.size], "dtype": dtype, "low": low, "high": high}
        return Problem("clamp", spec, [q], what="every code")

    def function(self, op: str, dtype: str, output: dict | None = None) -> Problem:
        q = np.arange(RANGE[dtype][0], RANGE[dtype][1] + 1).astype(TYPE[dtype])
        given = self.pointwise(dtype)
        spec = {"shape": [q.size], "input": given, "output": output or self.pointwise(dtype)}
        return Problem(op, spec, [q], what="every code")

    def pool(self, op: str, dtype: str, kernel, stride, pad, include: bool, same: bool, size=(9, 8)):
        """`same`: the output keeps the input's parameters."""
        x = self.codes(dtype, (2, *size, 5))
        given = self.pointwise(dtype)
        ratio = np.float32(0.5 + self.rng.random())
        out = given if same else tensor(dtype, given["qparams"]["scale"] * ratio, self.zero_point(dtype))
        spec = {
            "batch": 2, "input": list(size), "channels": 5, "kernel": list(kernel), "stride": list(stride),
            "pad": list(pad), "count_include_pad": include, "activation": given, "output": out,
        }  # fmt: skip
        return Problem(op, spec, [x], what=f"windows of {kernel}")

    # --- ranges --------------------------------------------------------------

    def ranges(self) -> list[np.ndarray]:
        """Tensors whose least and greatest value try what choosing parameters can meet."""
        some = self.values(300)
        return [
            some,
            self.values(300, 100.0),
            np.abs(some),
            -np.abs(some) - 1,
            np.abs(some) + 1,
            np.zeros(7, np.float32),
            np.float32([-1, 1]),
            np.float32([0, self.rng.random() * 1e-30]),
            self.values(50, 1e-6),
            np.append(some, np.float32(40.0 * self.rng.random())),
            np.float32(self.rng.random(9) * 2.0 ** self.rng.integers(-20, 20, 9)),
        ]

    def choose(self, x, dtype: str, limits=None, symmetric=False, reduce_range=False) -> Problem:
        request = {"dtype": dtype, "range": limits, "symmetric": symmetric, "reduce_range": reduce_range}
        return Problem("choose_qparams", {"len": x.size, "request": request}, [x], what="range to parameters")

    # --- products ------------------------------------------------------------

    def product(self, k: int, x: dict, weights: dict, out_type: str, ties: bool):
        """An output tensor that k products of these fill without all saturating."""
        step = x["qparams"]["scale"] * max(
            q["scale"] for q in weights.get("per_channel", {}).get("qparams", [weights.get("per_tensor")])
        )
        ratio = float(self.rng.choice([2, 4])) if ties else k**0.5 * 40 * (0.7 + self.rng.random())
        return tensor(out_type, np.float32(step * ratio), self.zero_point(out_type))

    def bias(self, kind: str, n: int, x: dict, weights: dict, ties: bool):
        """Bias of `n` values, about as large as the sums; with `ties` whole steps."""
        if kind == "none":
            return None
        steps = self.rng.integers(-20, 21, n) if ties else self.rng.integers(-2000, 2000, n)
        if kind == "i32":
            return steps.astype(np.int32)
        pairs = weights.get("per_channel", {}).get("qparams", [weights.get("per_tensor")] * n)
        real = steps if ties else steps + self.rng.random(n)
        return (real * x["qparams"]["scale"] * np.array([q["scale"] for q in pairs])).astype(np.float32)

    def factors(self, dtype: str, shape, ties: bool, zero_point: int, low=None, high=None) -> np.ndarray:
        """Codes to multiply: with `ties` near the zero point, so that sums stay small
        and, scaled by a half or a quarter, often lie halfway between two codes."""
        if ties:
            near = [max(RANGE[dtype][0], zero_point - 3), min(RANGE[dtype][1], zero_point + 3)]
            low, high = near if low is None else (max(low, near[0]), near[1])
        return self.codes(dtype, shape, low, high)

    def linear(
        self, m, n, k, x_type="u8", out="u8", channels=False, bias="f32", relu=False, ties=False,
        w_zero=True, activation="quantized", output="quantized", reduce_range=False, w_type="s8",
        w_low=None, x_high=None,
    ) -> Problem:  # fmt: skip
        """`activation`: quantized, dynamic or float; `output`: quantized, float or sums."""
        weights = self.granularity(n if channels else None, w_type, zero=w_zero, po2=ties)
        if output == "sums":
            weights = {"per_tensor": pair(1, 0 if w_zero else self.zero_point(w_type))}
        ties = ties and w_zero and activation == "quantized"
        w = self.factors(w_type, (n, k), ties, 0, w_low)
        if activation == "quantized":
            x = tensor(x_type, self.scale(ties), self.zero_point(x_type))
            if output == "sums":
                x["qparams"]["scale"] = 1.0
            values = self.factors(x_type, (m, k), ties, x["qparams"]["zero_point"], high=x_high)
            given = {"quantized": x}
        else:
            x = tensor("u8", 0.02, 0)
            given = "float" if activation == "float" else {"dynamic": {"reduce_range": reduce_range}}
            values = self.values((m, k))
        made = {"quantized": self.product(k, x, weights, out, ties)} if output == "quantized" else output
        spec = {
            "m": m, "n": n, "k": k, "activation": given, "weights": weights, "bias": bias,
            "output": made, "relu": relu,
        }  # fmt: skip
        what = f"linear {m}x{n}x{k}"
        return Problem("linear", spec, [values], w, self.bias(bias, n, x, weights, ties), what)

    def conv(
        self, size, inner, outer, kernel, stride=None, pad=None, dilation=None, groups=1, batch=2,
        x_type="u8", out="u8", channels=False, bias="f32", relu=False, ties=False, w_zero=True,
        output="quantized", w_type="s8", pad_end=None, w_low=None,
    ) -> Problem:  # fmt: skip
        dims = len(size)
        weights = self.granularity(outer if channels else None, w_type, zero=w_zero, po2=ties)
        if output == "sums":
            weights = {"per_tensor": pair(1, 0 if w_zero else self.zero_point(w_type))}
        ties = ties and w_zero
        w = self.factors(w_type, (outer, *kernel, inner // groups), ties, 0, w_low)
        x = tensor(x_type, 1.0 if output == "sums" else self.scale(ties), self.zero_point(x_type))
        k = int(np.prod(kernel)) * (inner // groups)
        made = {"quantized": self.product(k, x, weights, out, ties)} if output == "quantized" else output
        pad = list(pad or [0] * dims)
        spec = {
            "batch": batch, "input": list(size), "in_channels": inner, "out_channels": outer,
            "kernel": list(kernel), "stride": list(stride or [1] * dims), "pad_begin": pad,
            "pad_end": list(pad_end or pad), "dilation": list(dilation or [1] * dims), "groups": groups,
            "activation": x, "weights": weights, "bias": bias, "output": made, "relu": relu,
        }  # fmt: skip
        values = self.factors(x_type, (batch, *size, inner), ties, x["qparams"]["zero_point"])
        what = f"conv {inner}->{outer} kernel {kernel} groups {groups}"
        return Problem("conv", spec, [values], w, self.bias(bias, outer, x, weights, ties), what)


def shapes_of_linear(maker: Maker):
    """Shapes with every kind of tail."""
    fixed = [(1, 1, 1), (4, 5, 3), (3, 16, 33), (7, 13, 64), (16, 32, 128), (2, 8, 300)]
    drawn = maker.rng.integers([1, 1, 1], [20, 40, 160], (4, 3)).tolist()
    return [(m, n, k) for m, n, k in fixed + drawn]


def first(array: np.ndarray) -> np.ndarray:
    """Channel-last to channel-first, `[n, spatial.., c]` to `[n, c, spatial..]`."""
    return np.ascontiguousarray(np.moveaxis(array, -1, 1))


def last(array: np.ndarray) -> np.ndarray:
    """Channel-first to channel-last."""
    return np.ascontiguousarray(np.moveaxis(array, 1, -1))


def scales(granularity: dict) -> tuple[np.ndarray, np.ndarray]:
    """Scales (f32) and zero points of one pair (no dimension) or of channels."""
    if "per_tensor" in granularity:
        q = granularity["per_tensor"]
        return np.float32(q["scale"]), np.int64(q["zero_point"])
    pairs = granularity["per_channel"]["qparams"]
    return np.float32([q["scale"] for q in pairs]), np.int64([q["zero_point"] for q in pairs])
