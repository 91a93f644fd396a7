"""TensorFlow's own quantizers: FakeQuantWithMinMax, QuantizeV2, QuantizeAndDequantize,
and the quantizers of its model optimization toolkit.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

from importlib.metadata import version

import numpy as np
import tensorflow as tf

from fakes import around, fake_quantize, limits, results
from form import Folder
from problems import Maker

MODES = {
    ("MIN_COMBINED", "HALF_AWAY_FROM_ZERO"): "tensorflow-min-combined",
    ("MIN_FIRST", "HALF_AWAY_FROM_ZERO"): "tensorflow-min-first",
    ("SCALED", "HALF_AWAY_FROM_ZERO"): "tensorflow-scaled-away",
    ("SCALED", "HALF_TO_EVEN"): "tensorflow-scaled-even",
}
# Where oneDNN's kernels stand for TensorFlow's own: on x86, unless TF_ENABLE_ONEDNN_OPTS=0 says no.
ONEDNN = {
    ("u8", "MIN_FIRST", "HALF_AWAY_FROM_ZERO"): "tensorflow-onednn-min-first",
    ("u8", "SCALED", "HALF_TO_EVEN"): "tensorflow-onednn-scaled",
    ("s8", "SCALED", "HALF_TO_EVEN"): "tensorflow-onednn-scaled",
}
TYPES = {"u8": (tf.quint8, (0, 255)), "s8": (tf.qint8, (-128, 127))}


class Capture:
    def __init__(self, folder: Folder, maker: Maker):
        self.folder, self.maker = folder, maker
        asked = os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1") != "0"
        self.onednn = asked and folder.head["machine"] == "x86_64"

    def ranges(self) -> list:
        """Limits on both sides of 0, at 0, away from it, and of few steps."""
        low, high = -self.maker.rng.random(3) * 4, self.maker.rng.random(3) * 4
        pairs = [(-1, 1), (0, 6), (-6, 0), (-0.1, 12.7), (0.5, 2.5), (-3, -1), *zip(low, high)]
        return [(np.float32(a), np.float32(b)) for a, b in pairs]

    def values(self, least, greatest, codes) -> np.ndarray:
        """Around the steps that these limits give. Its threads take numbers below the least normal
        one as 0, and vectors order NaN as they like: neither is given."""
        scale = (float(greatest) - float(least)) / (codes[1] - codes[0])
        zero = np.round(codes[0] - float(least) / scale)
        return around(self.maker, scale, zero, codes, also=())

    def fake_quant(self) -> None:
        """One pair of limits: given as attributes, and as tensors."""
        for number, (least, greatest) in enumerate(self.ranges()):
            for bits in (8, [2, 4, 16][number % 3]):
                for narrow in (False, True):
                    codes = (int(narrow), 2**bits - 1)
                    x = self.values(least, greatest, codes)
                    p = fake_quantize(x, codes, limits(least, greatest), what=f"{bits} bits, limits {least} {greatest}")
                    given = {"num_bits": bits, "narrow_range": narrow}
                    y = tf.quantization.fake_quant_with_min_max_args(x, float(least), float(greatest), **given)
                    self.folder.add("args", "tensorflow-fake-quant", p, results(values=y))
                    y = tf.quantization.fake_quant_with_min_max_vars(x, least, greatest, **given)
                    self.folder.add("vars", "tensorflow-fake-quant-vars", p, results(values=y))

    def channels(self) -> None:
        """Limits for each index of the last axis."""
        for shape in ((5,), (37, 5), (3, 2, 4, 5)):
            for narrow in (False, True):
                greatest = np.float32(self.maker.rng.random(5) * 3 + 0.1)
                least = -np.float32(self.maker.rng.random(5) * 3 + 0.1)
                x = self.maker.values(shape, 2.0)
                codes = (int(narrow), 255)
                p = fake_quantize(x, codes, limits(least, greatest), len(shape) - 1, what="limits of channels")
                y = tf.quantization.fake_quant_with_min_max_vars_per_channel(x, least, greatest, 8, narrow)
                self.folder.add("vars_per_channel", "tensorflow-fake-quant", p, results(values=y))

    def quantize(self) -> None:
        """tf.quantization.quantize. What it makes of its limits first is part of the problem."""
        for (mode, rounding), of_eigen in MODES.items():
            for name, (kind, codes) in TYPES.items():
                engine, profile = mode, of_eigen
                if self.onednn and (name, mode, rounding) in ONEDNN:
                    engine, profile = f"onednn-{mode}", ONEDNN[name, mode, rounding]
                for least, greatest in self.ranges()[:5:2] + self.ranges()[6:]:
                    x = self.values(least, greatest, codes)
                    q, low, high = tf.quantization.quantize(x, least, greatest, kind, mode, rounding)
                    p = fake_quantize(x, codes, limits(low, high), what=f"{mode} {rounding}")
                    self.folder.add(engine, profile, p, results(codes=tf.cast(q, tf.int32)))

    def both(self) -> None:
        """QuantizeAndDequantizeV2 of signed codes."""
        for rounding, profile in (("HALF_TO_EVEN", "tensorflow-scaled-even"), ("HALF_UP", "tensorflow-scaled-up")):
            for bits in (8, 4):
                codes = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
                for _ in range(3):
                    least, greatest = -np.float32(self.maker.rng.random() * 4 + 0.1), np.float32(self.maker.rng.random() * 4 + 0.1)
                    x = self.values(-greatest, greatest, codes)
                    given = {"signed_input": True, "num_bits": bits, "range_given": True, "round_mode": rounding}
                    y = tf.quantization.quantize_and_dequantize_v2(x, least, greatest, **given)
                    p = fake_quantize(x, codes, limits(least, greatest), what=f"{bits} bits, {rounding}")
                    self.folder.add("quantize_and_dequantize", profile, p, results(values=y))

    def toolkit(self) -> None:
        """The quantizers of quantization-aware training: each batch under the limits that it leads to."""
        from tensorflow_model_optimization.python.core.quantization.keras import quantizers

        for cls in (quantizers.LastValueQuantizer, quantizers.MovingAverageQuantizer):
            for symmetric, narrow, per_axis in ((True, True, False), (False, False, False), (True, True, True)):
                if per_axis and cls is quantizers.MovingAverageQuantizer:
                    continue  # it has no limits of channels to start from
                quantizer = cls(num_bits=8, symmetric=symmetric, narrow_range=narrow, per_axis=per_axis)
                layer = tf.keras.layers.Layer()
                weights = quantizer.build([6, 4], "q", layer)
                for _ in range(3):
                    x = self.maker.values((6, 4), self.maker.rng.random() * 3 + 0.2)
                    y = quantizer(tf.constant(x), True, weights=weights)
                    pair = limits(weights["min_var"].numpy(), weights["max_var"].numpy())
                    p = fake_quantize(x, (int(narrow), 255), pair, 1 if per_axis else None, what=cls.__name__)
                    profile = "tensorflow-fake-quant" if per_axis else "tensorflow-fake-quant-vars"
                    self.folder.add("tfmot", profile, p, results(values=y))


def capture(out: str, seed: int, maker: Maker) -> Folder:
    release = f"tensorflow {tf.__version__}, tensorflow-model-optimization {version('tensorflow-model-optimization')}"
    folder = Folder(out, "tensorflow-quantize", release, seed, "setup.sh tensorflow")
    folder.head["TF_ENABLE_ONEDNN_OPTS"] = os.environ.get("TF_ENABLE_ONEDNN_OPTS")
    c = Capture(folder, maker)
    c.fake_quant()
    c.channels()
    c.quantize()
    c.both()
    c.toolkit()
    return folder
