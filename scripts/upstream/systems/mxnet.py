"""MXNet by oneDNN: quantize, dequantize, requantize, fully connected to sums, and the
entropy calibrator. Its tensors carry limits of real values instead of a scale.
"""

import mxnet as mx
import numpy as np
from mxnet.contrib import quantization

from form import Folder
from problems import Maker, Problem, pair

BINS = 8001


class Capture:
    def __init__(self, folder: Folder, maker: Maker):
        self.folder, self.maker = folder, maker
        # With VNNI oneDNN's sums are exact.
        self.sums = "mxnet" if not folder.has("avx512_vnni", "avx_vnni") else "onednn-jit"

    def quantize(self, x: np.ndarray, dtype: str) -> None:
        """By the limits of the tensor; what the codes stand for."""
        least, greatest = mx.nd.array([x.min()]), mx.nd.array([x.max()])
        kind = {"s8": "int8", "u8": "uint8"}[dtype]
        q, low, high = mx.nd.contrib.quantize(mx.nd.array(x), least, greatest, out_type=kind)
        limit = np.maximum(np.abs(low.asnumpy()), np.abs(high.asnumpy()))[0]
        codes = np.float32(127 if dtype == "s8" else 255)
        # The scale whose reciprocal in f32 is the number that MXNet multiplies by.
        scale = {"scale": 1.0 / float(codes / limit), "zero_point": 0}
        spec = {"shape": [x.size], "dtype": dtype, "granularity": {"per_tensor": scale}, "range": None}
        p = Problem("quantize", spec, [x], what="by the limits of the tensor")
        self.folder.add("onednn", "mxnet", p, q.asnumpy())
        # Dequantized, half a code lies beyond each limit.
        half = np.float32(127.5 if dtype == "s8" else 255.5)
        spec = {"shape": [x.size], "dtype": dtype, "granularity": {"per_tensor": pair(limit / half, 0)}}
        values = mx.nd.contrib.dequantize(q, low, high).asnumpy()
        self.folder.add("onednn", "mxnet", Problem("dequantize", spec, [q.asnumpy()], what="codes to values"), values)

    def requantize(self) -> None:
        """Sums with limits to s8 between calibrated limits."""
        x = self.maker.rng.integers(-(2**22), 2**22, (7, 20)).astype(np.int32)
        greatest, kept = np.float32(self.maker.rng.random() * 3000 + 500), np.float32(self.maker.rng.random() * 4 + 0.5)
        limits = [mx.nd.array([v]) for v in (-greatest, greatest)]
        given = {"min_calib_range": -float(kept), "max_calib_range": float(kept)}
        q, _, _ = mx.nd.contrib.requantize(mx.nd.array(x, dtype="int32"), *limits, **given)
        multiplier = (greatest / np.float32(2**31 - 1)) * (np.float32(127) / kept)
        spec = {"rows": 7, "columns": 20, "dtype": "s8", "zero_point": 0, "multipliers": [float(multiplier)], "relu": False}
        self.folder.add("onednn", "mxnet", Problem("requantize", spec, [x], what="sums to s8"), q.asnumpy())

    def connected(self, m: int, n: int, k: int, x_type: str) -> None:
        """Without bias, to sums."""
        p = self.maker.linear(m, n, k, x_type, output="sums", bias="none")
        p.spec["activation"]["quantized"]["qparams"]["zero_point"] = 0
        kind = {"s8": "int8", "u8": "uint8"}[x_type]
        one, minus = mx.nd.array([1.0]), mx.nd.array([-1.0])
        x, w = mx.nd.array(p.inputs[0], dtype=kind), mx.nd.array(p.weights, dtype="int8")
        names = {"min_data": minus, "max_data": one, "min_weight": minus, "max_weight": one}
        given = {"no_bias": True, "num_hidden": n, "flatten": True}
        run = lambda: mx.nd.contrib.quantized_fully_connected(x, w, None, *names.values(), None, None, **given)[0].asnumpy()  # noqa: E731
        self.folder.attempt("onednn", self.sums, p, run)

    def entropy(self, x: np.ndarray, kind: str) -> None:
        """The threshold, and the divergence there."""
        limit = max(abs(x.min()), abs(x.max()))
        counts, edges = np.histogram(x, bins=BINS, range=(-limit, limit))
        given = (counts, edges, x.min(), x.max(), limit)
        _, _, threshold, divergence = quantization._get_optimal_threshold(given, kind, num_quantized_bins=255)
        groups = 511 if x.min() >= 0 and kind != "int8" else 255
        collect = {"mirrored": {"bins": BINS, "edges": "f64"}}
        spec = {
            "calibrator": {"histogram": {"collect": collect, "choose": {"entropy_single": {"groups": groups}}}},
            "shape": [x.size], "batches": 1,
        }  # fmt: skip
        p = Problem("calibrate", spec, [x], what=f"entropy, {kind}")
        self.folder.add("calibrator", "exact", p, [np.float64(threshold), np.float64(divergence)])


def capture(out: str, seed: int, maker: Maker) -> Folder:
    folder = Folder(out, "mxnet", mx.__version__, seed, "setup.sh mxnet")
    c = Capture(folder, maker)
    for x in maker.ranges():
        if np.abs(x).max() > 0:
            c.quantize(x, "s8")
        if x.min() >= 0 and x.max() > 0:
            c.quantize(x, "u8")
    for _ in range(4):
        c.requantize()
    for m, n, k in [(1, 1, 1), (7, 20, 33), (3, 16, 64), (5, 9, 100)]:
        c.connected(m, n, k, "s8")
    for spread in (0.5, 2.0):
        x = maker.values(700, spread)
        c.entropy(x, "int8")
        c.entropy(np.abs(x), "auto")
    return folder
