"""ONNX Runtime by default and with `session.x64quantprecision`, and onnx's reference
evaluator: each op is a model of one node.

Without VNNI the default kernels for u8·s8 saturate sums of pairs, which is the profile
`onnxruntime-avx2`; with it, and in the exact mode everywhere, they are `onnxruntime`.
"""

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto
from problems import first, last, scales
from systems import onnxruntime as calls

from .mapped import VNNI, Mapping, Sink, channels, need

ENGINES = {
    "default": ("ort", "onnxruntime" if VNNI else "onnxruntime-avx2"),
    "x64quantprecision": ("ort_x64precise", "onnxruntime"),
    "reference": ("onnx_ref", "onnx-reference"),
}
CODES = ("u8", "s8")


class Engine(Mapping):
    def __init__(self, name: str):
        engine, _ = ENGINES[name]
        self.evaluator, self.exact = name == "reference", name == "x64quantprecision"
        self.sink = Sink([engine])
        self.calls = calls.Capture(self.sink)
        self.ops = ["quantize", "dequantize", "choose_qparams", "linear", "conv", "clamp", "max_pool"]
        if not self.evaluator:
            self.ops += ["add", "mul", "sigmoid", "avg_pool"]  # nodes of com.microsoft

    def by(self, call):
        def run(p):
            call(p)
            return self.sink.take()

        return run

    def node(self, make, shape=lambda y: y):
        def run(p):
            node = make(p)
            outputs = node.evaluate() if self.evaluator else node.run(self.exact)
            return [shape(y) for y in outputs]

        return run

    def quantize(self, p):
        spec = p.spec
        need(spec["dtype"] in CODES, f"QuantizeLinear to {spec['dtype']}")
        need(spec["range"] is None, "a range of codes narrower than the type's")
        return self.linear_node("QuantizeLinear", spec, calls.OF[spec["dtype"]])

    def dequantize(self, p):
        spec = p.spec
        if spec["dtype"] == "s32":
            need(not np.any(scales(spec["granularity"])[1]), "DequantizeLinear of s32 with a zero point")
        return self.linear_node("DequantizeLinear", spec, TensorProto.FLOAT)

    def linear_node(self, op: str, spec, output):
        given = spec["granularity"]
        scale, zero = scales(given)
        axis = {"axis": given["per_channel"]["axis"]} if channels(given) else {}
        zero = None if spec["dtype"] == "s32" else zero.astype(calls.TYPE[spec["dtype"]])
        return self.node(lambda p: calls.Node(op, [(p.inputs[0],), scale, zero], [output], **axis))

    def choose_qparams(self, p):
        request = p.spec["request"]
        need(request["dtype"] == "u8" and not request["symmetric"], "only affine u8 (DynamicQuantizeLinear)")
        need(request["range"] is None and not request["reduce_range"], "a range of codes narrower than the type's")
        types = [calls.OF["u8"], TensorProto.FLOAT, calls.OF["u8"]]
        run = self.node(lambda p: calls.Node("DynamicQuantizeLinear", [(p.inputs[0],)], types))

        def chosen(p):
            _, scale, zero = run(p)
            return [np.float64(scale).reshape(1), np.int32(zero).reshape(1)]

        return chosen

    def linear(self, p):
        spec = p.spec
        given, output = spec["activation"], spec["output"]
        need(given != "float", "weight-only products of s8")
        need(spec["relu"] is False, "a fused relu")
        if "dynamic" in given:
            need(not self.evaluator, "DynamicQuantizeMatMul, a node of com.microsoft")
            need(not given["dynamic"]["reduce_range"], "DynamicQuantizeMatMul with a reduced range")
            need(output == "float", "dynamic products to codes")
            need(spec["bias"] in ("none", "f32"), "DynamicQuantizeMatMul with a bias of s32")
            need(not np.any(scales(spec["weights"])[1]), "weight zero points other than 0")
            return self.by(self.calls.dynamic_linear)
        need(spec["bias"] == "none", "QLinearMatMul has no bias")
        need(output != "float", "static products to f32")
        if output != "sums":
            given, output = given["quantized"]["dtype"], output["quantized"]["dtype"]
            need(given == output, f"QLinearMatMul of {given} to {output}")
        return self.by(self.calls.linear)

    def conv(self, p):
        spec, output = p.spec, p.spec["output"]
        need(spec["relu"] is False, "a fused relu")
        given = spec["activation"]["dtype"]
        images = len(spec["kernel"]) == 2
        if self.evaluator:
            # It broadcasts scales and zero points as those of images.
            need(images or not channels(spec["weights"]) and output != "sums", "convolutions that are not of images")
        if output == "sums":
            need(spec["bias"] == "none", "ConvInteger has no bias")
            need(given == "u8", f"ConvInteger of {given}")
            zeros = np.unique(scales(spec["weights"])[1])
            need(zeros.size == 1, "ConvInteger with a weight zero point per channel")
            # It takes no scales; one zero point for all channels has to come as one.
            p.spec["weights"] = {"per_tensor": {"scale": 1.0, "zero_point": int(zeros[0])}}
        else:
            need(spec["bias"] in ("none", "i32"), "QLinearConv with a bias of f32: it is s32")
            output = output["quantized"]["dtype"]
            need(given == output, f"QLinearConv of {given} to {output}")
            need(not (self.exact and given == "s8"), "QLinearConv of s8 in the exact mode: no kernel")
        return self.by(self.calls.conv)

    def codes(self, *tensors) -> None:
        types = {t["dtype"] for t in tensors}
        need(types in ({"u8"}, {"s8"}), f"tensors of {' and '.join(sorted(types))}")

    def add(self, p):
        return self.binary("QLinearAdd", p)

    def mul(self, p):
        return self.binary("QLinearMul", p)

    def binary(self, op: str, p):
        need(p.spec["relu"] is False, "a fused relu")
        self.codes(p.spec["a"], p.spec["b"], p.spec["output"])
        return self.by(lambda p: self.calls.pointwise(op, p))

    def sigmoid(self, p):
        self.codes(p.spec["input"], p.spec["output"])
        return self.by(lambda p: self.calls.pointwise("QLinearSigmoid", p))

    def clamp(self, p):
        kind = p.spec["dtype"]
        need(kind in CODES, f"Clip of {kind}")
        bounds = [np.array(p.spec[end], calls.TYPE[kind]) for end in ("low", "high")]
        return self.node(lambda p: calls.Node("Clip", [(p.inputs[0],), *bounds], [calls.OF[kind]]))

    def windows(self, spec) -> dict:
        pads = list(spec["pad"]) + list(spec.get("pad_end") or spec["pad"])
        return {"kernel_shape": spec["kernel"], "strides": spec["stride"], "pads": pads}

    def avg_pool(self, p):
        spec = p.spec
        self.codes(spec["activation"], spec["output"])
        given = self.windows(spec) | {"count_include_pad": int(spec["count_include_pad"])}
        if spec["kernel"] == spec["input"] and not any(given["pads"]):
            return self.by(lambda p: self.calls.pointwise("QLinearGlobalAveragePool", p, True, channels_last=0))
        return self.by(lambda p: self.calls.pointwise("QLinearAveragePool", p, True, **given))

    def max_pool(self, p):
        spec = p.spec
        self.codes(spec["activation"])
        need(spec["activation"] == spec["output"], "pools that change scale or zero point")
        need(len(spec["kernel"]) == 2 or not self.evaluator, "pools that are not of images: the evaluator fails")
        given, kind = self.windows(spec), calls.OF[spec["activation"]["dtype"]]
        return self.node(lambda p: calls.Node("MaxPool", [(first(p.inputs[0]),)], [kind], **given), last)


def backend(name: str):
    mapping = Engine(name)
    version = f"onnx {onnx.__version__} reference evaluator" if name == "reference" else f"ONNX Runtime {ort.__version__} {name}"
    declaration = {
        "name": version,
        "isa": "any" if name == "reference" else "avx512vnni" if VNNI else "avx2",
        "profile": ENGINES[name][1],
        "preconditions": [],
        "ops": list(mapping.ops),
    }
    return declaration, mapping.prepare
