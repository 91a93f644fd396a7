"""PyTorch: quantize and dequantize, the engines fbgemm, x86, onednn and qnnpack,
the decomposed ops, observers and what they choose.

Which kernels run depends on the CPU: with AVX-512 VNNI sums are exact, and the
engine x86 takes onednn's convolutions; on AVX2 pairs of u8·s8 products saturate.
onednn picks its kernels by shape where it has AMX, so it is held to one
instruction set: ONEDNN_MAX_CPU_ISA, which the caller may set as well.
"""

import os
import warnings

from form import Folder, cpu

VNNI = "avx512_vnni" in cpu()["features"]
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_VNNI" if VNNI else "AVX2")

import numpy as np
import torch
from torch.ao.quantization import observer
from torch.ao.quantization.fx import _decomposed  # noqa: F401  (registers quantized_decomposed)

from problems import Maker, first, last, pair, scales, shapes_of_linear

OF = {"u8": torch.quint8, "s8": torch.qint8, "s32": torch.qint32}
PLAIN = {"u8": torch.uint8, "s8": torch.int8}
SCHEMES = {False: "affine", True: "symmetric"}


def wrap(codes, dtype: str, qparams: dict):
    """Codes as a quantized tensor with these parameters."""
    kind = {"scale": qparams["scale"], "zero_point": qparams["zero_point"]}
    codes = torch.from_numpy(np.ascontiguousarray(codes))
    return torch._make_per_tensor_quantized_tensor(codes, **kind)


def wrap_weights(w, granularity: dict):
    codes, (scale, zero) = torch.from_numpy(np.ascontiguousarray(w)), scales(granularity)
    if scale.ndim == 0:
        return torch._make_per_tensor_quantized_tensor(codes, float(scale), int(zero))
    scale, zero = torch.from_numpy(scale.astype(np.float64)), torch.from_numpy(zero)
    return torch._make_per_channel_quantized_tensor(codes, scale, zero, 0)


def codes(tensor):
    return tensor.int_repr().contiguous().numpy()


class Capture:
    def __init__(self, folder: Folder):
        self.folder = folder
        fbgemm = "fbgemm-vnni" if VNNI else "fbgemm"
        onednn = "onednn-brgemm" if "VNNI" in os.environ["ONEDNN_MAX_CPU_ISA"] else "onednn-jit-avx2"
        self.engines = [e for e in ("fbgemm", "x86", "onednn", "qnnpack") if e in torch.backends.quantized.supported_engines]
        self.products = {"fbgemm": fbgemm, "x86": fbgemm, "onednn": onednn, "qnnpack": "qnnpack-sse2"}

    def each(self, problem, run, profiles: dict) -> None:
        """What each engine gives that has a profile here."""
        for engine in self.engines:
            if engine in profiles:
                torch.backends.quantized.engine = engine
                self.folder.attempt(engine, profiles[engine], problem, run)

    def plain(self, problem, run, contiguous: bool = False, qnnpack: bool = True) -> None:
        """Ops without weights: qnnpack's, and ATen's in every other engine. For
        channels-first memory (`contiguous`) ATen has kernels of its own."""
        torch.backends.quantized.engine = self.engines[0]
        engine, profile = ("aten-contiguous", "pytorch-contiguous") if contiguous else ("aten", "fbgemm")
        self.folder.attempt(engine, profile, problem, run)
        if qnnpack:
            self.each(problem, run, {"qnnpack": "qnnpack-sse2"})

    def native(self, scalar: bool):
        """Engine and profile of element quantization: FBGEMM's vectors, or ATen's functions."""
        return ("scalar", "pytorch-scalar") if scalar else ("native", "fbgemm")

    # --- element by element --------------------------------------------------

    def quantize(self, p) -> None:
        dtype, (scale, zero) = p.spec["dtype"], scales(p.spec["granularity"])
        x = torch.from_numpy(p.inputs[0])
        if scale.ndim:
            scale, zero = torch.from_numpy(scale.astype(np.float64)), torch.from_numpy(zero)
            q = torch.quantize_per_channel(x, scale, zero, 0, OF[dtype])
            return self.folder.add("scalar", "pytorch-scalar", p, codes(q))
        q = torch.quantize_per_tensor(x, float(scale), int(zero), OF[dtype])
        self.folder.add(*self.native(dtype == "s32"), p, codes(q))

    def dequantize(self, p) -> None:
        scale, _ = scales(p.spec["granularity"])
        q = wrap_weights(p.inputs[0], p.spec["granularity"])
        self.folder.add(*self.native(scale.ndim > 0), p, q.dequantize().numpy())

    def decomposed(self, maker: Maker, dtype: str) -> None:
        ops, (low, high) = torch.ops.quantized_decomposed, ((0, 255) if dtype == "u8" else (-128, 127))
        p = maker.quantize(dtype)
        scale, zero = scales(p.spec["granularity"])
        given = (float(scale), int(zero), low, high, PLAIN[dtype])
        q = ops.quantize_per_tensor(torch.from_numpy(p.inputs[0]), *given)
        self.folder.add("decomposed", "pytorch-decomposed", p, q.numpy())
        p = maker.dequantize(dtype)
        scale, zero = scales(p.spec["granularity"])
        x = ops.dequantize_per_tensor(torch.from_numpy(p.inputs[0]), float(scale), int(zero), *given[2:])
        self.folder.add("decomposed", "pytorch-decomposed", p, x.numpy())

    def binary(self, p) -> None:
        a, b = (wrap(x, t["dtype"], t["qparams"]) for x, t in zip(p.inputs, (p.spec["a"], p.spec["b"])))
        q = p.spec["output"]["qparams"]
        op = getattr(torch.ops.quantized, p.op + ("_relu" if p.spec["relu"] else ""))
        # qnnpack makes no op whose output has one code only.
        several = not (p.spec["relu"] and q["zero_point"] == 255)
        self.plain(p, lambda: codes(op(a, b, q["scale"], q["zero_point"])), qnnpack=several)

    def pointwise(self, maker: Maker, dtype: str) -> None:
        p = maker.relu(dtype)
        x = wrap(p.inputs[0], dtype, p.spec["tensor"]["qparams"])
        self.plain(p, lambda: codes(torch.relu(x)))
        q = maker.pointwise(dtype)["qparams"]
        low, high = sorted(int(v) for v in maker.codes(dtype, 2))
        p = maker.clamp(dtype, low, high)
        y = wrap(p.inputs[0], dtype, q)
        bounds = [(v - q["zero_point"]) * q["scale"] for v in (low, high)]
        self.plain(p, lambda: codes(torch.ops.quantized.clamp(y, *bounds)))

    def function(self, maker: Maker, dtype: str) -> None:
        ends = {"sigmoid": (2.0**-8, -128 if dtype == "s8" else 0), "tanh": (2.0**-7, 0 if dtype == "s8" else 128)}
        for op, fixed in ends.items():
            p = maker.function(op, dtype, {"dtype": dtype, "qparams": pair(*fixed)})
            x = wrap(p.inputs[0], dtype, p.spec["input"]["qparams"])
            self.plain(p, lambda: codes(getattr(torch, op)(x)))
        p = maker.function("sigmoid", dtype)
        x, q = wrap(p.inputs[0], dtype, p.spec["input"]["qparams"]), p.spec["output"]["qparams"]
        # qnnpack has the fixed output parameters only.
        self.plain(p, lambda: codes(torch.ops.quantized.sigmoid(x, q["scale"], q["zero_point"])), qnnpack=False)

    def pool(self, maker: Maker, op: str, kernel, stride, pad, contiguous: bool) -> None:
        p = maker.pool(op, "u8", kernel, stride, pad, op == "avg_pool", True)
        x = wrap(first(p.inputs[0]), "u8", p.spec["activation"]["qparams"])
        if not contiguous:
            x = x.contiguous(memory_format=torch.channels_last)
        call = {"avg_pool": torch.nn.functional.avg_pool2d, "max_pool": torch.nn.functional.max_pool2d}[op]
        self.plain(p, lambda: last(codes(call(x, kernel, stride, pad))), contiguous and op == "avg_pool")

    # --- products ------------------------------------------------------------

    def linear(self, p) -> None:
        given = p.spec["activation"]
        w, bias = wrap_weights(p.weights, p.spec["weights"]), p.bias
        bias = None if bias is None else torch.from_numpy(bias)

        def run():
            packed = torch.ops.quantized.linear_prepack(w, bias)
            if "dynamic" in given:
                x = torch.from_numpy(p.inputs[0])
                return torch.ops.quantized.linear_dynamic(x, packed, given["dynamic"]["reduce_range"]).numpy()
            x = wrap(p.inputs[0], "u8", given["quantized"]["qparams"])
            out = p.spec["output"]["quantized"]["qparams"]
            op = torch.ops.quantized.linear_relu if p.spec["relu"] else torch.ops.quantized.linear
            return codes(op(x, packed, out["scale"], out["zero_point"]))

        self.each(p, run, self.products)

    def conv(self, p) -> None:
        spec, dims = p.spec, len(p.spec["kernel"])
        w, bias = wrap_weights(first(p.weights), spec["weights"]), p.bias
        bias = None if bias is None else torch.from_numpy(bias)
        x = wrap(first(p.inputs[0]), "u8", spec["activation"]["qparams"])
        out = spec["output"]["quantized"]["qparams"]
        ops, name = torch.ops.quantized, f"conv{dims}d"
        windows = (spec["stride"], spec["pad_begin"], spec["dilation"], spec["groups"])

        def run():
            packed = getattr(ops, f"{name}_prepack")(w, bias, *windows)
            op = getattr(ops, name + ("_relu" if spec["relu"] else ""))
            return last(codes(op(x, packed, out["scale"], out["zero_point"])))

        # The engine x86 leaves convs to onednn where there is VNNI, products to fbgemm.
        self.each(p, run, self.products | ({"x86": self.products["onednn"]} if VNNI else {}))

    # --- observers -----------------------------------------------------------

    def observe(self, maker: Maker, name: str, kind: str, axis: int | None = None) -> None:
        batches = [maker.values((6, 40), spread) for spread in (1.0, 0.5, 2.0)]
        given = {} if axis is None else {"ch_axis": axis}
        seen = getattr(observer, name)(**given)
        for batch in batches:
            seen(torch.from_numpy(batch))
        spec = {"kind": kind, "shape": [6, 40], "batches": len(batches), "axis": axis or 0}
        outputs = [seen.min_val.reshape(-1).numpy(), seen.max_val.reshape(-1).numpy()]
        if kind == "histogram":
            outputs.append(seen.histogram.numpy())
        problem = maker.problem("observe", spec, batches, name)
        self.folder.add("observer", "pytorch-observer", problem, outputs)

    def choose(self, maker: Maker, x) -> None:
        for dtype in ("u8", "s8"):
            for symmetric in (False, True):
                for reduce_range in (False, True):
                    if dtype == "u8" and symmetric and reduce_range:
                        continue  # the observer refuses it
                    scheme = getattr(torch, f"per_tensor_{SCHEMES[symmetric]}")
                    seen = observer.MinMaxObserver(OF[dtype], scheme, reduce_range)
                    seen(torch.from_numpy(x))
                    scale, zero = seen.calculate_qparams()
                    problem = maker.choose(x, dtype, None, symmetric, reduce_range)
                    chosen = [scale.numpy().astype(np.float64).reshape(1), zero.numpy().astype(np.int32).reshape(1)]
                    self.folder.add("observer", "pytorch-observer", problem, chosen)
        torch.backends.quantized.engine = self.engines[0]  # qnnpack takes no notice of reduce_range
        for reduce_range in (False, True):
            scale, zero = torch._choose_qparams_per_tensor(torch.from_numpy(x), reduce_range)
            problem = maker.choose(x, "u8", reduce_range=reduce_range)
            self.folder.add("dynamic", "pytorch-dynamic", problem, [np.float64([scale]), np.int32([zero])])


def capture(out: str, seed: int, maker: Maker) -> Folder:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    folder = Folder(out, "pytorch", torch.__version__, seed, "setup.sh pytorch (the registry's wheel)")
    folder.head["ONEDNN_MAX_CPU_ISA"] = os.environ["ONEDNN_MAX_CPU_ISA"]
    folder.head["capability"] = torch.backends.cpu.get_cpu_capability()
    c = Capture(folder)
    for dtype in ("u8", "s8", "s32"):
        for _ in range(4):
            c.quantize(maker.quantize(dtype))
            c.dequantize(maker.dequantize(dtype))
        c.quantize(maker.quantize_channels(dtype, zero=dtype == "s32"))
        c.dequantize(maker.dequantize(dtype, 3))
    for dtype in ("u8", "s8"):
        c.decomposed(maker, dtype)
    for number, (m, n, k) in enumerate(shapes_of_linear(maker)):
        for relu in (False, True):
            given = {"bias": "none" if number % 4 == 3 else "f32", "ties": number % 2 == 0, "relu": relu}
            c.linear(maker.linear(m, n, k, channels=number % 3 == 1, w_low=-127, **given))
        c.linear(maker.linear(m, n, k, channels=number % 2 == 0, activation="dynamic", output="float"))
    layers = [
        dict(size=(7, 6), inner=3, outer=5, kernel=(3, 3), pad=(1, 1)),
        dict(size=(8, 8), inner=8, outer=6, kernel=(1, 1), ties=True),
        dict(size=(7, 6), inner=3, outer=5, kernel=(3, 3), pad=(1, 1), ties=True),
        dict(size=(9, 7), inner=4, outer=8, kernel=(3, 3), stride=(2, 2), pad=(1, 1)),
        dict(size=(9, 9), inner=16, outer=16, kernel=(3, 3), groups=16, pad=(1, 1)),
        dict(size=(9, 9), inner=16, outer=16, kernel=(3, 3), groups=16, pad=(1, 1), ties=True),
        dict(size=(9, 9), inner=12, outer=12, kernel=(3, 3), groups=12, stride=(2, 2)),
        dict(size=(9, 9), inner=8, outer=8, kernel=(5, 5), groups=8, pad=(2, 2)),
        dict(size=(9, 9), inner=8, outer=8, kernel=(3, 3), groups=8, stride=(2, 2), pad=(1, 1)),
        dict(size=(9, 9), inner=8, outer=16, kernel=(3, 3), groups=8, pad=(1, 1)),
        dict(size=(9, 9), inner=32, outer=32, kernel=(3, 3), groups=4, pad=(1, 1)),
        dict(size=(9, 9), inner=8, outer=4, kernel=(3, 3), groups=2, dilation=(2, 2)),
        dict(size=(11,), inner=6, outer=4, kernel=(3,), pad=(1,), ties=True),
        dict(size=(5, 6, 4), inner=4, outer=4, kernel=(3, 3, 3), pad=(1, 1, 1)),
        dict(size=(5, 6, 4), inner=8, outer=8, kernel=(3, 3, 3), pad=(1, 1, 1), groups=8),
    ]
    for number, layer in enumerate(layers):
        for channels in (False, True):
            c.conv(maker.conv(channels=channels, relu=channels, w_low=-127, **layer))
    for op in ("add", "mul"):
        for relu in (False, True):
            for ties in (False, True):
                c.binary(maker.binary(op, "u8", relu, ties))
        c.binary(maker.binary(op, "u8", near=True))
    for _ in range(3):
        c.pointwise(maker, "u8")
        c.function(maker, "u8")
    for contiguous in (False, True):
        c.pool(maker, "avg_pool", (2, 2), (2, 2), (0, 0), contiguous)
        c.pool(maker, "avg_pool", (3, 3), (2, 2), (1, 1), contiguous)
        c.pool(maker, "max_pool", (2, 2), (2, 2), (0, 0), contiguous)
    for name, kind in (("MinMaxObserver", "min_max"), ("MovingAverageMinMaxObserver", "moving_average"), ("HistogramObserver", "histogram")):
        c.observe(maker, name, kind)
    for axis in (0, 1):
        c.observe(maker, "PerChannelMinMaxObserver", "per_channel_min_max", axis)
        c.observe(maker, "MovingAveragePerChannelMinMaxObserver", "per_channel_moving_average", axis)
    for x in maker.ranges():
        c.choose(maker, x)
    return folder
