"""LiteRT's reference and optimised kernels, and its XNNPACK delegate: each op is a
model of one operator."""

from importlib.metadata import version

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from problems import scales
from systems import tflite as calls

from .mapped import Mapping, Sink, channels, need

TITLES = {"reference": "reference kernels", "optimised": "optimised kernels", "xnnpack": "XNNPACK delegate"}
ENDS = {"sigmoid": (2.0**-8, 0), "tanh": (2.0**-7, 128)}


class Calls(calls.Capture):
    """The capture's calls under one engine only."""

    def __init__(self, engine: str):
        super().__init__(Sink([engine]), schema, Interpreter, OpResolverType)
        self.only = (engine,)

    def run(self, p, content: bytes, engines=()) -> None:
        super().run(p, content, self.only)


class Engine(Mapping):
    ops = (
        "quantize", "dequantize", "linear", "conv", "add", "mul", "sigmoid", "tanh", "relu", "avg_pool", "max_pool",
    )  # fmt: skip

    def __init__(self, name: str):
        self.calls = Calls(name)
        if name == "xnnpack":
            # The delegate leaves quantized average pools to LiteRT's own kernels.
            self.ops = tuple(op for op in self.ops if op != "avg_pool")

    def by(self, call, *words, shape=None):
        def run(p):
            p.extra |= {} if shape is None else {"shape": shape}
            call(*words, p)
            return self.calls.folder.take()

        return run

    def elements(self, p, call):
        spec = p.spec
        need(spec["dtype"] in ("u8", "s8"), f"codes of {spec['dtype']}")
        need(spec.get("range") is None, "a range of codes narrower than the type's")
        need(not channels(spec["granularity"]), "a scale per channel")
        need(0 not in spec["shape"], "tensors without values")
        return self.by(call)

    def quantize(self, p):
        return self.elements(p, self.calls.quantize)

    def dequantize(self, p):
        return self.elements(p, self.calls.dequantize)

    def product(self, p, given, output) -> None:
        need(isinstance(output, dict), "products to f32 or to sums")
        need(given["dtype"] == output["quantized"]["dtype"] == "s8", "products of u8 with s8 weights, or to another type")
        need(p.weights.dtype == np.int8, "weights of u8")
        need(not np.any(scales(p.spec["weights"])[1]), "weight zero points other than 0")
        need(p.spec["bias"] in ("none", "i32"), "a bias of f32: biases are s32")
        need(isinstance(p.spec["relu"], bool), "a fused clamp to two codes")

    def biased(self, call):
        """The capture's calls want a bias: none is zeros."""

        def run(p):
            if p.bias is None:
                p.bias = np.zeros(p.weights.shape[0], np.int32)
            call(p)
            return self.calls.folder.take()

        return run

    def linear(self, p):
        given = p.spec["activation"]
        need(isinstance(given, dict) and "quantized" in given, "products of f32 activations")
        self.product(p, given["quantized"], p.spec["output"])
        return self.biased(self.calls.linear)

    def conv(self, p):
        spec = p.spec
        self.product(p, spec["activation"], spec["output"])
        need(len(spec["kernel"]) == 2, f"convolutions in {len(spec['kernel'])} dimensions")
        depthwise = spec["groups"] > 1
        need(not depthwise or spec["groups"] == spec["in_channels"] == spec["out_channels"], "groups of several channels")
        sizes = self.same(spec["input"], spec["kernel"], spec["stride"], spec["dilation"])
        need(self.pads(spec, spec["pad_begin"], spec["pad_end"], spec["dilation"]), "pads other than SAME")

        def call(p):
            p.extra["size"] = sizes
            self.calls.conv(p)

        return self.biased(call)

    def same(self, size, kernel, stride, dilation):
        return [-(-n // s) for n, s in zip(size, stride)]

    def pads(self, spec, begin, end, dilation) -> bool:
        """Whether these are the pads of SAME: the odd position behind."""
        for n, k, s, d, before, after in zip(spec["input"], spec["kernel"], spec["stride"], dilation, begin, end):
            total = max(0, (-(-n // s) - 1) * s + d * (k - 1) + 1 - n)
            if (before, after) != (total // 2, total - total // 2):
                return False
        return True

    def codes(self, *tensors) -> None:
        types = {t["dtype"] for t in tensors}
        need(types in ({"u8"}, {"s8"}), f"tensors of {' and '.join(sorted(types))}")

    def add(self, p):
        return self.binary("ADD", p, schema.AddOptionsT)

    def mul(self, p):
        return self.binary("MUL", p, schema.MulOptionsT)

    def binary(self, op: str, p, options):
        self.codes(p.spec["a"], p.spec["b"], p.spec["output"])
        need(isinstance(p.spec["relu"], bool), "a fused clamp to two codes")
        return self.by(lambda p: self.calls.pointwise(op, p, options()))

    def sigmoid(self, p):
        return self.function("LOGISTIC", p)

    def tanh(self, p):
        return self.function("TANH", p)

    def function(self, op: str, p):
        self.codes(p.spec["input"], p.spec["output"])
        scale, zero = ENDS[p.op]
        zero -= 128 if p.spec["output"]["dtype"] == "s8" else 0
        q = p.spec["output"]["qparams"]
        need((q["scale"], q["zero_point"]) == (scale, zero), "output parameters other than the fixed ones")
        return self.by(self.calls.pointwise, op)

    def relu(self, p):
        self.codes(p.spec["tensor"])
        return self.by(self.calls.pointwise, "RELU")

    def avg_pool(self, p):
        need(not p.spec["count_include_pad"] or not any(p.spec["pad"]), "means that count positions outside the image")
        return self.pool("AVERAGE_POOL_2D", p)

    def max_pool(self, p):
        return self.pool("MAX_POOL_2D", p)

    def pool(self, op: str, p):
        spec = p.spec
        self.codes(spec["activation"], spec["output"])
        need(spec["activation"] == spec["output"], "pools that change scale or zero point")
        need(len(spec["kernel"]) == 2, f"pools in {len(spec['kernel'])} dimensions")
        end = spec.get("pad_end") or spec["pad"]
        need(self.pads(spec, spec["pad"], end, [1, 1]), "pads other than SAME")
        size = self.same(spec["input"], spec["kernel"], spec["stride"], [1, 1])

        def call(p):
            model, kind = calls.Model(schema), calls.TYPE[spec["activation"]["dtype"]]
            options = schema.Pool2DOptionsT()
            options.strideH, options.strideW = spec["stride"]
            options.filterHeight, options.filterWidth = spec["kernel"]
            options.padding = schema.Padding.SAME
            x = model.tensor(p.inputs[0].shape, kind, calls.one(spec["activation"]))
            y = model.tensor((spec["batch"], *size, spec["channels"]), kind, calls.one(spec["output"]))
            self.calls.run(p, model.build(op, [x], y, options, 2))

        return self.by(call)


def backend(name: str):
    mapping = Engine(name)
    declaration = {
        "name": f"LiteRT {version('ai-edge-litert')} {TITLES[name]}",
        "isa": "any" if name == "reference" else "x86",
        "profile": calls.ENGINES[name][0],
        "preconditions": [],
        "ops": list(mapping.ops),
    }
    return declaration, mapping.prepare
