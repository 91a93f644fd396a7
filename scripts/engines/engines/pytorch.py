"""PyTorch's engines: fbgemm, x86, onednn, qnnpack; ATen's element functions; observers.

Which kernels run depends on the CPU, and so does the profile that is declared:
`fbgemm` on AVX2 is `fbgemm-vnni` where there is AVX-512 VNNI. oneDNN is held to one
instruction set, because it picks kernels by shape where there is AMX.
"""

import os
import sys

from .mapped import Mapping, Sink, channels, need

ENGINE = sys.argv[2]
if ENGINE == "onednn-avx2":
    os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"
if ENGINE == "fbgemm-avx2":
    os.environ["FBGEMM_ENABLE_INSTRUCTIONS"] = "AVX2"

import numpy as np
import torch
from problems import first, last, scales
from systems import pytorch as calls
from torch.ao.quantization import observer

VNNI = calls.VNNI
ONEDNN = "onednn-brgemm" if "VNNI" in os.environ["ONEDNN_MAX_CPU_ISA"] else "onednn-jit-avx2"
FBGEMM = "fbgemm-vnni" if VNNI else "fbgemm"
PROFILES = {
    "fbgemm": FBGEMM,
    "fbgemm-avx2": "fbgemm",
    "x86": FBGEMM,
    "x86-conv": ONEDNN if VNNI else FBGEMM,
    "onednn": ONEDNN,
    # Its products of matrices take k between 256 and 768 in two blocks.
    "onednn-avx2": {"base": "onednn-jit-avx2", "accumulate.linear": "i16-pairs-in-halves"},
    "qnnpack": "qnnpack-sse2",
    "scalar": "pytorch-scalar",
    "observers": "pytorch-observer",
}


def symmetric(granularity: dict) -> bool:
    return not np.any(scales(granularity)[1])


class Elements(Mapping):
    """Quantize and dequantize."""

    def scalar(self, spec) -> bool:
        """Whether ATen's functions run, and no kernel of FBGEMM."""
        return channels(spec["granularity"]) or spec["dtype"] == "s32"

    def mine(self, spec, scalar: bool) -> None:
        need(spec["dtype"] in ("u8", "s8", "s32"), f"codes of {spec['dtype']}")
        need(self.scalar(spec) == scalar, "ATen's scalar functions run this: engine scalar" if not scalar else
             "FBGEMM's vector kernel runs this: engine fbgemm")  # fmt: skip

    def quantized(self, p):
        dtype, given = calls.OF[p.spec["dtype"]], p.spec["granularity"]
        scale, zero = scales(given)
        x = torch.from_numpy(p.inputs[0])
        if not channels(given):
            return calls.codes(torch.quantize_per_tensor(x, float(scale), int(zero), dtype))
        parts = torch.from_numpy(scale.astype(np.float64)), torch.from_numpy(zero)
        return calls.codes(torch.quantize_per_channel(x, *parts, given["per_channel"]["axis"], dtype))

    def dequantized(self, p):
        given = p.spec["granularity"]
        scale, zero = scales(given)
        q = torch.from_numpy(p.inputs[0])
        if not channels(given):
            q = torch._make_per_tensor_quantized_tensor(q, float(scale), int(zero))
            return q.dequantize().numpy()
        # In f64, as ATen keeps them.
        scale = np.float64([q["scale"] for q in given["per_channel"]["qparams"]])
        parts = torch.from_numpy(scale), torch.from_numpy(zero)
        return torch._make_per_channel_quantized_tensor(q, *parts, given["per_channel"]["axis"]).dequantize().numpy()


class Scalar(Elements):
    ops = ("quantize", "dequantize")

    def quantize(self, p):
        need(p.spec["range"] is None, "a range of codes narrower than the type's")
        self.mine(p.spec, scalar=True)
        return self.quantized

    def dequantize(self, p):
        self.mine(p.spec, scalar=True)
        return self.dequantized


ELEMENTS = (
    "quantize", "dequantize", "choose_qparams", "add", "mul", "relu", "clamp", "sigmoid", "tanh", "avg_pool", "max_pool",
)  # fmt: skip
# The other engines have kernels of their own for products only; the rest is as in fbgemm.
OPS = {
    "fbgemm": ("linear", "conv", *ELEMENTS),
    "qnnpack": ("linear", "conv", *ELEMENTS),
    "x86": ("linear",),
    "x86-conv": ("conv",),
}


class Engine(Elements):
    def __init__(self, name: str):
        self.ops = OPS.get(name, ("linear", "conv"))
        self.engine = name.removesuffix("-avx2").removesuffix("-conv")
        self.qnnpack = self.engine == "qnnpack"
        self.sink = Sink([self.engine])
        self.calls = calls.Capture(self.sink)
        self.calls.engines = [self.engine]
        torch.backends.quantized.engine = self.engine

    def quantize(self, p):
        need(p.spec["range"] is None, "a range of codes narrower than the type's")
        self.mine(p.spec, scalar=False)
        return self.quantized

    def dequantize(self, p):
        self.mine(p.spec, scalar=False)
        return self.dequantized

    def choose_qparams(self, p):
        request = p.spec["request"]
        need(request["dtype"] == "u8" and not request["symmetric"], "only affine u8 (torch._choose_qparams_per_tensor)")
        need(request["range"] is None, "a range of codes narrower than the type's")

        def run(p):
            scale, zero = torch._choose_qparams_per_tensor(torch.from_numpy(p.inputs[0]), request["reduce_range"])
            return [np.float64([scale]), np.int32([zero])]

        return run

    def product(self, spec, weights, output: dict) -> None:
        need(weights.dtype == np.int8, "weights of u8: they are qint8")
        need(spec["bias"] in ("none", "f32"), "a bias of s32: biases are f32")
        need("quantized" in output and output["quantized"]["dtype"] == "u8", "outputs other than u8 codes")
        need(isinstance(spec["relu"], bool), "a fused clamp to two codes")
        need(self.engine != "onednn" or symmetric(spec["weights"]), "weight zero points other than 0")

    def linear(self, p):
        given = p.spec["activation"]
        if given == "float":
            need(False, "weight-only products")
        if "dynamic" in given:
            need(p.spec["bias"] in ("none", "f32"), "a bias of s32: biases are f32")
            need(p.weights.dtype == np.int8, "weights of u8: they are qint8")
            need(p.spec["output"] == "float", "dynamic products to codes")
            need(not p.spec["relu"], "dynamic products with relu here")
            need(self.engine != "onednn" or symmetric(p.spec["weights"]), "weight zero points other than 0")
        else:
            need(given["quantized"]["dtype"] == "u8", "activations other than u8: they are quint8")
            output = p.spec["output"]
            self.product(p.spec, p.weights, output if isinstance(output, dict) else {})
        return self.by(self.calls.linear)

    def conv(self, p):
        spec, output = p.spec, p.spec["output"]
        need(spec["activation"]["dtype"] == "u8", "activations other than u8: they are quint8")
        self.product(spec, p.weights, output if isinstance(output, dict) else {})
        need(spec["pad_begin"] == spec["pad_end"], "other pads after than before the image")
        if self.engine == "x86" and VNNI:
            mine = spec["groups"] <= 100 and symmetric(spec["weights"])
            need(mine, "convolutions of more than 100 groups or weight zero points, which x86 leaves to FBGEMM")
        return self.by(self.calls.conv)

    def by(self, call):
        def run(p):
            call(p)
            return self.sink.take()

        return run

    def eight(self, *tensors) -> None:
        types = {t["dtype"] for t in tensors}
        need(types == {"u8"} or types == {"s8"} and not self.qnnpack, f"tensors of {' and '.join(sorted(types))}")

    def add(self, p):
        return self.binary(p)

    def mul(self, p):
        return self.binary(p)

    def binary(self, p):
        spec = p.spec
        self.eight(spec["a"], spec["b"], spec["output"])
        need(isinstance(spec["relu"], bool), "a fused clamp to two codes")
        op = getattr(torch.ops.quantized, p.op + ("_relu" if spec["relu"] else ""))
        q = spec["output"]["qparams"]
        several = not (spec["relu"] and q["zero_point"] == 255)
        need(several or not self.qnnpack, "outputs that hold one code only")

        def run(p):
            a, b = (calls.wrap(x, t["dtype"], t["qparams"]) for x, t in zip(p.inputs, (spec["a"], spec["b"])))
            return calls.codes(op(a, b, q["scale"], q["zero_point"]))

        return run

    def one(self, tensor: dict, call):
        """A call on one quantized tensor."""
        self.eight(tensor)
        return lambda p: calls.codes(call(calls.wrap(p.inputs[0], tensor["dtype"], tensor["qparams"])))

    def relu(self, p):
        return self.one(p.spec["tensor"], torch.relu)

    def clamp(self, p):
        # Bounds are real: with scale 1 and zero point 0 they are the codes.
        tensor = {"dtype": p.spec["dtype"], "qparams": {"scale": 1.0, "zero_point": 0}}
        bounds = float(p.spec["low"]), float(p.spec["high"])
        return self.one(tensor, lambda x: torch.ops.quantized.clamp(x, *bounds))

    def sigmoid(self, p):
        self.eight(p.spec["input"], p.spec["output"])
        fixed = {"u8": (2.0**-8, 0), "s8": (2.0**-8, -128)}[p.spec["output"]["dtype"]]
        q = p.spec["output"]["qparams"]
        if (q["scale"], q["zero_point"]) == fixed:
            return self.one(p.spec["input"], torch.sigmoid)
        need(not self.qnnpack, "sigmoid with output parameters other than 1/256 and the lowest code")
        return self.one(p.spec["input"], lambda x: torch.ops.quantized.sigmoid(x, q["scale"], q["zero_point"]))

    def tanh(self, p):
        self.eight(p.spec["input"], p.spec["output"])
        fixed = {"u8": (2.0**-7, 128), "s8": (2.0**-7, 0)}[p.spec["output"]["dtype"]]
        q = p.spec["output"]["qparams"]
        need((q["scale"], q["zero_point"]) == fixed, "tanh with output parameters other than 1/128 and the middle code")
        return self.one(p.spec["input"], torch.tanh)

    def pool(self, p, functions):
        spec = p.spec
        self.eight(spec["activation"], spec["output"])
        need(spec["activation"] == spec["output"], "pools that change scale or zero point")
        need(spec.get("pad_end") in (None, spec["pad"]), "other pads after than before the image")
        need(all(2 * n <= k for n, k in zip(spec["pad"], spec["kernel"])), "pads of more than half a window")
        dims = len(spec["kernel"])
        need(dims in functions, f"pools in {dims} dimensions")
        need(dims == 2 or not self.qnnpack, "pools in 3 dimensions, which qnnpack leaves to ATen")
        layout = {2: torch.channels_last, 3: torch.channels_last_3d}[dims]
        windows = spec["kernel"], spec["stride"], spec["pad"]

        def run(p):
            x = calls.wrap(first(p.inputs[0]), spec["activation"]["dtype"], spec["activation"]["qparams"])
            return last(calls.codes(functions[dims](x.contiguous(memory_format=layout), *windows)))

        return run

    def avg_pool(self, p):
        include = p.spec["count_include_pad"]
        pools = torch.nn.functional.avg_pool2d, torch.nn.functional.avg_pool3d
        return self.pool(p, {
            dims: (lambda x, k, s, n, pool=pool: pool(x, k, s, n, False, include)) for dims, pool in zip((2, 3), pools)
        })  # fmt: skip

    def max_pool(self, p):
        return self.pool(p, {2: torch.nn.functional.max_pool2d})


class Observers(Mapping):
    ops = ("observe", "choose_qparams")
    KINDS = {
        "min_max": ("MinMaxObserver", False),
        "moving_average": ("MovingAverageMinMaxObserver", False),
        "histogram": ("HistogramObserver", False),
        "per_channel_min_max": ("PerChannelMinMaxObserver", True),
        "per_channel_moving_average": ("MovingAveragePerChannelMinMaxObserver", True),
    }

    def observe(self, p):
        name, per_channel = self.KINDS[p.spec["kind"]]
        need(not per_channel or len(p.spec["shape"]) > 1, "channels of one value: PyTorch flattens from the second dimension on")

        def run(p):
            seen = getattr(observer, name)(**({"ch_axis": p.spec["axis"]} if per_channel else {}))
            for batch in p.inputs:
                seen(torch.from_numpy(batch))
            outputs = [seen.min_val.reshape(-1).numpy(), seen.max_val.reshape(-1).numpy()]
            return outputs + ([seen.histogram.numpy()] if p.spec["kind"] == "histogram" else [])

        return run

    def choose_qparams(self, p):
        request = p.spec["request"]
        need(request["range"] is None, "a range of codes narrower than the type's")
        need(request["dtype"] in ("u8", "s8"), f"codes of {request['dtype']}")
        dtype, symmetric, reduced = request["dtype"], request["symmetric"], request["reduce_range"]
        need(not (dtype == "u8" and symmetric and reduced), "u8, symmetric, of reduced range")
        scheme = getattr(torch, f"per_tensor_{calls.SCHEMES[symmetric]}")

        def run(p):
            seen = observer.MinMaxObserver(calls.OF[dtype], scheme, reduced)
            seen(torch.from_numpy(p.inputs[0]))
            scale, zero = seen.calculate_qparams()
            return [scale.numpy().astype(np.float64).reshape(1), zero.numpy().astype(np.int32).reshape(1)]

        return run


def backend(name: str):
    torch.set_num_threads(1)
    mapping = {"scalar": Scalar, "observers": Observers}.get(name, lambda: Engine(name))()
    declaration = {
        "name": f"PyTorch {torch.__version__} {name}",
        "isa": torch.backends.cpu.get_cpu_capability().lower(),
        "profile": PROFILES[name],
        "preconditions": ["symmetric-weights"] if name.startswith("onednn") else [],
        "ops": list(mapping.ops),
    }
    return declaration, mapping.prepare
