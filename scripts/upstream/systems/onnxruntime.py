"""ONNX Runtime by default and with `session.x64quantprecision`, and onnx's
reference evaluator: models of one node.

Without VNNI the default kernels for u8·s8 saturate sums of pairs on AVX2, which
the profile `onnxruntime-avx2` describes; the exact mode does not.
"""

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnxruntime.quantization import calibrate, quant_utils

from form import Folder
from problems import Maker, first, last, scales, shapes_of_linear

OF = {"u8": TensorProto.UINT8, "s8": TensorProto.INT8, "s32": TensorProto.INT32}
TYPE = {"u8": np.uint8, "s8": np.int8, "s32": np.int32}
ELEMENT = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.uint8): TensorProto.UINT8}
ELEMENT |= {np.dtype(np.int8): TensorProto.INT8, np.dtype(np.int32): TensorProto.INT32}


class Node:
    """A model of one node; constants are initializers, so that kernels prepack them."""

    def __init__(self, op, inputs, outputs, domain="", **attributes):
        """`inputs`: arrays; a tuple `(array,)` is fed at run time. `outputs`: element types."""
        feeds, initializers, names = {}, [], []
        for index, value in enumerate(inputs):
            if value is None:
                names.append("")
                continue
            names.append(f"i{index}")
            if isinstance(value, tuple):
                feeds[names[-1]] = np.ascontiguousarray(value[0])
            else:
                initializers.append(numpy_helper.from_array(np.array(value, order="C"), names[-1]))
        results = [f"o{index}" for index in range(len(outputs))]
        node = helper.make_node(op, names, results, domain=domain, **attributes)
        graph = helper.make_graph(
            [node],
            "one",
            [helper.make_tensor_value_info(n, ELEMENT[a.dtype], a.shape) for n, a in feeds.items()],
            [helper.make_tensor_value_info(n, t, None) for n, t in zip(results, outputs)],
            initializers,
        )
        opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
        self.model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
        self.feeds = feeds

    def run(self, exact: bool):
        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        if exact:
            options.add_session_config_entry("session.x64quantprecision", "1")
        session = ort.InferenceSession(
            self.model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        return session.run(None, self.feeds)

    def evaluate(self):
        with np.errstate(all="ignore"):
            return ReferenceEvaluator(self.model).run(None, self.feeds)


def unfused(op: str, p):
    """DequantizeLinear, the op on reals, QuantizeLinear, none of them fused."""
    feeds, initializers, nodes = {}, [], []

    def quantized(name, tensor):
        scale, zero = np.float32(tensor["qparams"]["scale"]), TYPE[tensor["dtype"]](tensor["qparams"]["zero_point"])
        initializers.extend(numpy_helper.from_array(np.array(v), name + n) for v, n in ((scale, "s"), (zero, "z")))
        return [name + "s", name + "z"]

    for name, x in zip("ab", p.inputs):
        feeds[name] = x
        nodes.append(helper.make_node("DequantizeLinear", [name, *quantized(name, p.spec[name])], [name + "r"]))
    nodes.append(helper.make_node(op, ["ar", "br"], ["yr"]))
    nodes.append(helper.make_node("QuantizeLinear", ["yr", *quantized("y", p.spec["output"])], ["y"]))
    inputs = [helper.make_tensor_value_info(n, ELEMENT[x.dtype], x.shape) for n, x in feeds.items()]
    outputs = [helper.make_tensor_value_info("y", OF[p.spec["output"]["dtype"]], None)]
    graph = helper.make_graph(nodes, "qdq", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    content = model.SerializeToString()
    return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"]).run(None, feeds)


class Capture:
    def __init__(self, folder: Folder):
        self.folder = folder
        vnni = folder.has("avx512_vnni", "avx_vnni")
        self.default = "onnxruntime" if vnni else "onnxruntime-avx2"

    def node(self, problem, node: Node, shape=lambda y: y, products=False, reference=True, signed=False) -> None:
        """What every engine gives; `products`: the default kernels may saturate;
        `signed`: a conv of s8, of which the exact mode makes one that it has no kernel of."""
        for engine, exact in (("ort", False), ("ort_x64precise", True))[: 1 if signed else 2]:
            profile = self.default if products and not exact else "onnxruntime"
            run = lambda: [shape(y) for y in node.run(exact)]  # noqa: E731
            self.folder.attempt(engine, profile, problem, run)
        if reference:
            evaluate = lambda: [shape(y) for y in node.evaluate()]  # noqa: E731
            self.folder.attempt("onnx_ref", "onnx-reference", problem, evaluate)

    def quantize(self, p) -> None:
        dtype, (scale, zero) = p.spec["dtype"], scales(p.spec["granularity"])
        axis = {} if scale.ndim == 0 else {"axis": 0}
        self.node(p, Node("QuantizeLinear", [(p.inputs[0],), scale, zero.astype(TYPE[dtype])], [OF[dtype]], **axis))

    def dequantize(self, p) -> None:
        dtype, (scale, zero) = p.spec["dtype"], scales(p.spec["granularity"])
        axis = {} if scale.ndim == 0 else {"axis": 0}
        inputs = [(p.inputs[0],), scale, None if dtype == "s32" else zero.astype(TYPE[dtype])]
        self.node(p, Node("DequantizeLinear", inputs, [TensorProto.FLOAT], **axis))

    def dynamic(self, maker: Maker, x) -> None:
        """DynamicQuantizeLinear: the parameters, and the codes under them."""
        node = Node("DynamicQuantizeLinear", [(x,)], [OF["u8"], TensorProto.FLOAT, OF["u8"]])
        given = [("ort", "onnxruntime", node.run(False)), ("onnx_ref", "onnx-reference", node.evaluate())]
        for engine, profile, (q, scale, zero) in given:
            chosen = [np.float64([scale]), np.int32([zero])]
            self.folder.add(engine, profile, maker.choose(x, "u8"), chosen)

    def linear(self, p) -> None:
        spec, w = p.spec, p.weights.T
        given = spec["activation"]["quantized"]
        kind, zero = given["dtype"], np.array(given["qparams"]["zero_point"])
        w_scale, w_zero = scales(spec["weights"])
        zeros = [zero.astype(TYPE[kind]), w_zero.astype(w.dtype)]
        x = (p.inputs[0],)
        if spec["output"] == "sums":
            node = Node("MatMulInteger", [x, w, *zeros], [TensorProto.INT32])
        else:
            out = spec["output"]["quantized"]
            y = [np.float32(out["qparams"]["scale"]), TYPE[out["dtype"]](out["qparams"]["zero_point"])]
            x_scale = np.float32(given["qparams"]["scale"])
            inputs = [x, x_scale, zeros[0], w, w_scale, zeros[1], *y]
            node = Node("QLinearMatMul", inputs, [OF[out["dtype"]]])
        self.node(p, node, products=kind == "u8" and w.dtype == np.int8)

    def dynamic_linear(self, p) -> None:
        w_scale, _ = scales(p.spec["weights"])
        inputs = [(p.inputs[0],), p.weights.T, w_scale, None, p.bias]
        node = Node("DynamicQuantizeMatMul", inputs, [TensorProto.FLOAT], "com.microsoft")
        self.node(p, node, products=True, reference=False)

    def conv(self, p) -> None:
        spec = p.spec
        given = spec["activation"]
        x_zero = TYPE[given["dtype"]](given["qparams"]["zero_point"])
        w_scale, w_zero = scales(spec["weights"])
        w, w_zero = first(p.weights), w_zero.astype(p.weights.dtype)
        windows = {
            "kernel_shape": spec["kernel"], "strides": spec["stride"], "dilations": spec["dilation"],
            "pads": spec["pad_begin"] + spec["pad_end"], "group": spec["groups"],
        }  # fmt: skip
        x = (first(p.inputs[0]),)
        if spec["output"] == "sums":
            node = Node("ConvInteger", [x, w, x_zero, w_zero], [TensorProto.INT32], **windows)
            # ConvInteger is exact in every mode.
            return self.node(p, node, last, reference=len(spec["kernel"]) == 2)
        out = spec["output"]["quantized"]
        y = [np.float32(out["qparams"]["scale"]), TYPE[out["dtype"]](out["qparams"]["zero_point"])]
        x_scale = np.float32(given["qparams"]["scale"])
        inputs = [x, x_scale, x_zero, w, w_scale, w_zero, *y, p.bias]
        node = Node("QLinearConv", inputs, [OF[out["dtype"]]], **windows)
        depthwise = spec["groups"] > 1 and spec["groups"] == spec["in_channels"] == spec["out_channels"]
        saturating = not depthwise and given["dtype"] == "u8" and w.dtype == np.int8
        # The reference evaluator broadcasts scales and zero points as those of images.
        broadcast = w_scale.ndim == 0 or len(spec["kernel"]) == 2
        self.node(p, node, last, saturating, broadcast, signed=given["dtype"] == "s8")

    def pointwise(self, op: str, p, images=False, **attributes) -> None:
        """com.microsoft's QLinear ops: the tensors, each with its scale and zero point."""
        tensors = [p.spec.get(key) for key in ("a", "b", "input", "activation")]
        inputs = []
        tensors = [tensor for tensor in tensors if isinstance(tensor, dict)]
        for tensor, x in zip(tensors, p.inputs):
            q = tensor["qparams"]
            x = first(x) if images else x
            inputs += [(x,), np.float32(q["scale"]), TYPE[tensor["dtype"]](q["zero_point"])]
        out = p.spec["output"]
        inputs += [np.float32(out["qparams"]["scale"]), TYPE[out["dtype"]](out["qparams"]["zero_point"])]
        node = Node(op, inputs, [OF[out["dtype"]]], "com.microsoft", **attributes)
        self.node(p, node, last if images else lambda y: y, reference=False)

    def tools(self, maker: Maker, x, dtype: str, symmetric: bool) -> None:
        """The Python tools' choice of parameters."""
        low, high = (0, 255) if dtype == "u8" else ((-127, 127) if symmetric else (-128, 127))
        limits = [np.array(v, np.float32) for v in (x.min(), x.max())]
        codes = [np.array(v, TYPE[dtype]) for v in (low, high)]
        zero, scale = quant_utils.compute_scale_zp(*limits, *codes, symmetric, None)
        problem = maker.choose(x, dtype, [low, high], symmetric)
        chosen = [np.float64([scale]), np.int32([zero])]
        self.folder.add("tools", "onnxruntime-tools", problem, chosen)

    def calibrator(self, maker: Maker, method: str, symmetric: bool, bins: int) -> None:
        """Entropy or percentile over two batches. Entropy counts in 128 groups."""
        batches = [maker.values(500), maker.values(500, 1.5)]
        collector = calibrate.HistogramCollector(method, symmetric, bins, 128, 99.999, "same")
        for batch in batches:
            collector.collect({"t": [batch]})
        low, high = collector.compute_collection_result()["t"][:2]
        collect = {"mirrored": {"bins": bins, "edges": "f32"}}
        choose = {"entropy_truncated": {"groups": 128}}
        if method == "percentile":
            choose = {"percentile_within": {"percent": 99.999, "symmetric": symmetric}}
            if symmetric:
                collect = {"abs_from_least": {"bins": bins}}
        spec = {
            "calibrator": {"histogram": {"collect": collect, "choose": choose}},
            "shape": [500],
            "batches": len(batches),
        }
        problem = maker.problem("calibrate", spec, batches, f"{method} over {bins} bins")
        chosen = [np.float64([low]), np.float64([high])]
        self.folder.add("calibrators", "onnxruntime-tools", problem, chosen)


def capture(out: str, seed: int, maker: Maker) -> Folder:
    version = f"onnxruntime {ort.__version__}, onnx {onnx.__version__}"
    folder = Folder(out, "onnxruntime", version, seed, "pip install onnxruntime onnx numpy")
    c = Capture(folder)
    for dtype in ("u8", "s8"):
        for _ in range(4):
            c.quantize(maker.quantize(dtype))
            c.dequantize(maker.dequantize(dtype))
        c.quantize(maker.quantize_channels(dtype))
        c.dequantize(maker.dequantize(dtype, 3))
    c.dequantize(maker.dequantize("s32"))
    for x in maker.ranges():
        c.dynamic(maker, x)
        for dtype in ("u8", "s8"):
            for symmetric in (False, True):
                c.tools(maker, x, dtype, symmetric)
    for number, (m, n, k) in enumerate(shapes_of_linear(maker)):
        for x, w in (("u8", "s8"), ("u8", "u8"), ("s8", "s8")):
            given = {"x_type": x, "w_type": w, "bias": "none", "w_zero": number % 2 == 0}
            c.linear(maker.linear(m, n, k, out=x, channels=number % 3 == 1, ties=number % 3 == 0, **given))
            c.linear(maker.linear(m, n, k, output="sums", **given))
        c.dynamic_linear(maker.linear(m, n, k, channels=number % 2 == 0, activation="dynamic", output="float"))
    for x in ("u8", "s8"):
        layers = [
            dict(size=(7, 6), inner=3, outer=5, kernel=(3, 3), pad=(1, 1)),
            dict(size=(8, 8), inner=8, outer=6, kernel=(1, 1), ties=True),
            dict(size=(9, 7), inner=4, outer=8, kernel=(3, 3), stride=(2, 2), pad=(0, 1), pad_end=(1, 1)),
            dict(size=(9, 9), inner=8, outer=8, kernel=(3, 3), groups=8, pad=(1, 1)),
            dict(size=(9, 9), inner=8, outer=4, kernel=(3, 3), groups=2, dilation=(2, 2)),
            dict(size=(11,), inner=6, outer=4, kernel=(3,), pad=(1,)),
        ]
        for number, layer in enumerate(layers):
            for channels in (False, True):
                c.conv(maker.conv(x_type=x, out=x, channels=channels, bias="i32", **layer))
            if x == "u8":
                kinds = {"ties": False, **{key: v for key, v in layer.items() if key != "ties"}}
                c.conv(maker.conv(x_type=x, w_type="u8", output="sums", bias="none", **kinds))
        for op, name in (("add", "QLinearAdd"), ("mul", "QLinearMul")):
            for kind in ({}, {}, {"ties": True}, {"near": True}, {"near": True}, {"near": True}):
                p = maker.binary(op, x, **kind)
                c.pointwise(name, p)
                folder.add("ort_qdq", "onnxruntime-qdq", p, unfused(op.capitalize(), p))
        for _ in range(3):
            c.pointwise("QLinearSigmoid", maker.function("sigmoid", x))
        for include in (0, 1):
            p = maker.pool("avg_pool", x, (3, 3), (2, 2), (1, 1), bool(include), False)
            windows = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4}
            c.pointwise("QLinearAveragePool", p, True, count_include_pad=include, **windows)
        p = maker.pool("avg_pool", x, (9, 8), (1, 1), (0, 0), False, False)
        c.pointwise("QLinearGlobalAveragePool", p, True, channels_last=0)
    for method in ("entropy", "percentile"):
        for symmetric in (False, True):
            for bins in (128, 2048):
                c.calibrator(maker, method, symmetric, bins)
    return folder
