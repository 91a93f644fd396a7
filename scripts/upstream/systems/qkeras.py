"""QKeras' quantizers on rows, matrices and kernels. TensorFlow's threads take numbers
below the least normal one as 0, and products of large values and the number of codes
overflow: neither is given.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

from importlib.metadata import version

import numpy as np
import qkeras
import tensorflow as tf

from fakes import ENDLESS, around, fake_quantize, given, measured, results
from form import Folder
from problems import Maker, Problem

AUTO = ("auto", "auto_po2")


class Capture:
    def __init__(self, folder: Folder, maker: Maker):
        self.folder, self.maker = folder, maker

    def add(self, name: str, profile: str, quantizer, p: Problem, step=None) -> None:
        """`step`: what the quantizer's scale, which is in other units, is multiplied by to be that of a step."""

        def run():
            values = np.asarray(quantizer(tf.constant(p.inputs[0])))
            if p.op != "fake_quantize":
                return values
            scales = None if step is None else np.asarray(quantizer.scale, np.float32) * np.float32(step)
            return results(values=values, factors=scales)

        self.folder.attempt(name, profile, p, run)

    def tensors(self, scale: float) -> list:
        """One row, a matrix and a kernel."""
        row = around(self.maker, scale, 0, (-9, 8), also=())
        matrix, kernel = self.maker.values((16, 8), scale * 4), self.maker.values((3, 3, 4, 6), scale * 4)
        matrix[:, 1], matrix[:, 2] = 0, np.abs(matrix[:, 2])
        return [row, matrix, kernel]

    def bits(self, bits: int, integer: int, symmetric: int, signed: int, alpha) -> None:
        codes = 2 ** (bits - signed)
        step = 2.0**integer / codes
        quantizer = qkeras.quantized_bits(bits, integer, symmetric, bool(signed), alpha)
        what = f"quantized_bits({bits}, {integer}, {symmetric}, {bool(signed)}, {alpha!r})"
        limits = (symmetric - codes if signed else 0, codes - 1)
        for x in self.tensors(step) if alpha in AUTO else [around(self.maker, step, 0, limits, also=ENDLESS)]:
            last = x.ndim - 1
            if alpha == "auto":
                p = fake_quantize(x, limits, measured(True), last or None, what=what)
            elif alpha == "auto_po2":
                p = fake_quantize(x, limits, fit(limits[1] - limits[0], 2.0**integer, last, True, 5), last, what=what)
            elif signed and bits == 1:
                p = fake_quantize(x, (-1, 1), given(alpha or 1), levels="signs", what=what)
            else:
                p = fake_quantize(x, limits, given(step, gain=alpha or 1), what=what)
            auto = alpha in AUTO
            self.add("quantized_bits", "qkeras-auto" if auto else "qkeras", quantizer, p, step if auto else None)

    def hswish(self, bits: int) -> None:
        codes = 2 ** (bits - 1)
        step = 2.0**2 / codes
        x = around(self.maker, step, 0, (-codes, codes), also=())
        p = fake_quantize(x, (1 - codes, codes - 1), given(step), domain="hard_swish", what="quantized_hswish")
        self.add("quantized_hswish", "qkeras", qkeras.quantized_hswish(bits, 2, 1, alpha=1.0), p)

    def relu(self, bits: int, integer: int, slope: float, upper) -> None:
        codes = 2 ** (bits - (slope != 0))
        step = 2.0**integer / codes
        x = around(self.maker, step, 0, (-codes, codes), also=())
        # Values are held to that of the highest code, unless another bound is given.
        highest = 2.0**integer - step
        domain = {"relu": {"slope": slope, "upper": highest if upper is None else upper}}
        p = fake_quantize(x, (-slope * codes, codes - 1), given(step), domain=domain, what=f"quantized_relu, slope {slope}")
        extra = {} if upper is None else {"relu_upper_bound": upper, "is_quantized_clip": False}
        self.add("quantized_relu", "qkeras", qkeras.quantized_relu(bits, integer, negative_slope=slope, **extra), p)

    def activation(self, bits: int, signed: bool, real: bool, symmetric: bool) -> None:
        codes = 2 ** (bits - signed)
        x = around(self.maker, 2.0 / codes, 0, (-codes, codes), also=() if real else ENDLESS)
        low = int(symmetric) - (codes if signed else 0)
        name = "tanh" if signed else "sigmoid"
        domain = name if real else f"hard_{name}"
        p = fake_quantize(x, (low, codes - 1), given(1.0 / codes), domain=domain, what=f"quantized_{name} by {domain}")
        quantizer = getattr(qkeras, f"quantized_{name}")(bits, symmetric=symmetric, **{f"use_real_{name}": real})
        self.add(f"quantized_{name}", "qkeras-activation", quantizer, p)

    def power_of_two(self, bits: int, signed: bool, greatest, quadratic=False, floor=False) -> None:
        # One bit for the sign of the value, and one for that of the exponent.
        half = 2 ** (bits - signed - (greatest is None or greatest > 1))
        most = (half - 1) // 2 * 2 if quadratic else half - 1
        exponents = self.maker.rng.integers(-half - 2, half + 2, 60).clip(-30, 30)
        x = np.concatenate([
            2.0**exponents * (1 + self.maker.rng.random(60)) * self.maker.rng.choice([-1, 1], 60),
            2.0**exponents, [0.0, -0.0, 1e-9, -1e-9, 1.5, -1.5],
        ]).astype(np.float32)  # fmt: skip
        spec = {
            "shape": [x.size], "exponents": [-half, most], "greatest": greatest, "quadratic": quadratic,
            "floor": floor, "signed": signed,
        }  # fmt: skip
        name = "quantized_po2" if signed else "quantized_relu_po2"
        extra = {"log2_rounding": "floor"} if floor else {}
        quantizer = getattr(qkeras, name)(bits, greatest, quadratic_approximation=quadratic, **extra)
        self.add(name, "qkeras", quantizer, Problem("power_of_two", spec, [x], what=f"{name}({bits}, {greatest})"))

    def few(self, name: str, alpha, threshold=None, zero_one=False) -> None:
        """binary and ternary."""
        binary = name == "binary"
        extra = {"use_01": zero_one} if binary else {"threshold": threshold}
        levels = ("zero_one" if zero_one else "signs") if binary else {"threshold": threshold or 0.33}
        codes = (0, 1) if zero_one else (-1, 1)
        for x in self.tensors(0.25):
            quantizer = getattr(qkeras, name)(alpha=alpha, **extra)
            what, last = f"{name}({alpha!r})", x.ndim - 1
            if alpha in AUTO:
                made = fit(3.0, 1.0, last, alpha == "auto_po2", 1 if binary else 5)
                kind = levels if binary else "steps"
                p = fake_quantize(x, codes, made, last, levels=kind, what=what)
                self.add(name, "qkeras" if binary else "qkeras-ternary", quantizer, p, 1.0)
            else:
                domain = "through_tanh" if alpha is None else "plain"
                p = fake_quantize(x, codes, given(alpha or 1), domain=domain, levels=levels, what=what)
                self.add(name, "qkeras", quantizer, p)


def fit(first_steps, unit, last: int, power_of_two: bool, passes: int) -> dict:
    """Scales fitted to the values by least squares."""
    return {"fitted": {
        "first_steps": float(first_steps), "first_at_least": 0.0, "first_of_whole": last == 0, "unit": unit,
        "power_of_two": power_of_two, "passes": passes, "recount": False, "zero_point": 0.0,
    }}  # fmt: skip


def capture(out: str, seed: int, maker: Maker) -> Folder:
    release = f"QKeras {version('qkeras')}, tensorflow {tf.__version__}"
    folder = Folder(out, "qkeras", release, seed, "setup.sh qkeras")
    c = Capture(folder, maker)
    for bits in (8, 4, 3, 2, 1):
        for symmetric in (0, 1):
            for signed in (0, 1):
                for integer in (0, 2) if bits > 1 else (0,):
                    c.bits(bits, integer, symmetric, signed, 1.0)
    for bits in (8, 4, 2):
        for alpha in (None, 0.75, *AUTO):
            for integer in (0, 1):
                c.bits(bits, integer, 1, 1, alpha)
        c.hswish(bits)
        for integer in (0, 2):
            c.relu(bits, integer, 0.0, None)
            if bits > 2:
                c.relu(bits, integer, 0.25, None)
        c.relu(bits, 2, 0.0, 1.5)
        for signed, real in ((True, False), (True, True), (False, False), (False, True)):
            for symmetric in (False, True) if signed else (False,):
                c.activation(bits, signed, real, symmetric)
        for signed in (True, False) if bits > 2 else ():
            for greatest in (None, 1.0, 2.0, 0.5, 8.0):
                c.power_of_two(bits, signed, greatest)
        if bits > 2:
            c.power_of_two(bits, True, None, quadratic=True)
            c.power_of_two(bits, True, None, floor=True)
    for alpha in (None, 1.0, 0.5, *AUTO):
        c.few("binary", alpha)
        c.few("binary", alpha, zero_one=True)
        c.few("ternary", alpha)
        if alpha not in AUTO:
            c.few("ternary", alpha, threshold=0.5)
    return folder
