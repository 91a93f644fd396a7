"""TFLite models of one op under the XNNPACK delegate, the runtime's optimised and its
reference kernels, in LiteRT or in TensorFlow (`litert`, `tensorflow`).
"""

import flatbuffers
import numpy as np

from form import Folder
from problems import Maker, pair, scales

TYPE = {"u8": np.uint8, "s8": np.int8, "f32": np.float32}
ENGINES = {
    "xnnpack": ("xnnpack-fp32", "BUILTIN"),
    "optimised": ("litert-optimized", "BUILTIN_WITHOUT_DEFAULT_DELEGATES"),
    "reference": ("litert-reference", "BUILTIN_REF"),
}
# The numbers of types in the schema.
KIND = {np.dtype(np.float32): 0, np.dtype(np.int32): 2, np.dtype(np.uint8): 3, np.dtype(np.int8): 9}


class Model:
    """A model of one op. Tensors: `(shape, type, granularity or None, values or None)`."""

    def __init__(self, schema):
        self.schema = schema
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.buffers = [schema.BufferT()]
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.inputs, self.graph.outputs = [], [], []
        self.model.subgraphs = [self.graph]

    def tensor(self, shape, dtype, granularity=None, values=None, axis=0) -> int:
        tensor = self.schema.TensorT()
        tensor.shape, tensor.type = list(shape), KIND[np.dtype(dtype)]
        tensor.name, tensor.buffer = f"t{len(self.graph.tensors)}", 0
        if granularity is not None:
            scale, zero = scales(granularity)
            tensor.quantization = self.schema.QuantizationParametersT()
            tensor.quantization.scale = np.atleast_1d(scale).astype(np.float32)
            tensor.quantization.zeroPoint = np.atleast_1d(zero).astype(np.int64)
            tensor.quantization.quantizedDimension = axis
        if values is not None:
            buffer = self.schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def build(self, op: str, inputs, output, options=None, version=1) -> bytes:
        """`inputs`: all operands; those without values are fed at run time."""
        schema = self.schema
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, op)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = version
        node = schema.OperatorT()
        node.opcodeIndex, node.inputs, node.outputs = 0, inputs, [output]
        if options is not None:
            name = type(options).__name__[:-1]
            node.builtinOptionsType, node.builtinOptions = getattr(schema.BuiltinOptions, name), options
        fed = [i for i in inputs if i >= 0 and self.graph.tensors[i].buffer == 0]
        self.graph.inputs, self.graph.outputs, self.graph.operators = fed, [output], [node]
        self.model.operatorCodes = [code]
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def one(quantized: dict) -> dict:
    return {"per_tensor": quantized["qparams"]}


class Capture:
    def __init__(self, folder: Folder, schema, interpreter, resolver):
        """`schema`, `interpreter`, `resolver`: the runtime's module and classes."""
        self.folder, self.schema = folder, schema
        self.interpreter, self.resolver = interpreter, resolver

    def run(self, p, content: bytes, engines=tuple(ENGINES)) -> None:
        for engine in engines:
            profile, resolver = ENGINES[engine]
            given = {"experimental_op_resolver_type": self.resolver[resolver], "num_threads": 1}
            interpreter = self.interpreter(model_content=content, **given)
            interpreter.allocate_tensors()
            for detail, x in zip(interpreter.get_input_details(), p.inputs):
                interpreter.set_tensor(detail["index"], x.reshape(detail["shape"]))
            interpreter.invoke()
            y = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
            self.folder.add(engine, profile, p, y.reshape(p.extra.get("shape", y.shape)))

    def quantize(self, p) -> None:
        model, shape = Model(self.schema), p.spec["shape"]
        x = model.tensor(shape, np.float32)
        q = model.tensor(shape, TYPE[p.spec["dtype"]], p.spec["granularity"])
        self.run(p, model.build("QUANTIZE", [x], q, self.schema.QuantizeOptionsT()))

    def dequantize(self, p) -> None:
        model, shape = Model(self.schema), p.spec["shape"]
        q = model.tensor(shape, TYPE[p.spec["dtype"]], p.spec["granularity"])
        x = model.tensor(shape, np.float32)
        self.run(p, model.build("DEQUANTIZE", [q], x, self.schema.DequantizeOptionsT(), 2))

    def operands(self, model: Model, p, axis: int, weights):
        spec = p.spec
        x = spec.get("activation")
        x = x.get("quantized", x)
        w_scale, _ = scales(spec["weights"])
        bias = {"per_tensor": pair(x["qparams"]["scale"] * w_scale, 0)} if w_scale.ndim == 0 else {
            "per_channel": {"qparams": [pair(x["qparams"]["scale"] * s, 0) for s in w_scale]}
        }  # fmt: skip
        return [
            model.tensor(p.inputs[0].shape, TYPE[x["dtype"]], one(x)),
            model.tensor(weights.shape, weights.dtype, spec["weights"], weights, axis),
            model.tensor(p.bias.shape, np.int32, bias, p.bias),
        ]

    def linear(self, p) -> None:
        model, out = Model(self.schema), p.spec["output"]["quantized"]
        options = self.schema.FullyConnectedOptionsT()
        options.fusedActivationFunction = int(p.spec["relu"])
        inputs = self.operands(model, p, 0, p.weights)
        y = model.tensor((p.spec["m"], p.spec["n"]), TYPE[out["dtype"]], one(out))
        self.run(p, model.build("FULLY_CONNECTED", inputs, y, options, 4))

    def conv(self, p) -> None:
        """Padding is SAME; the problem's pads are what that means for its sizes."""
        spec, schema, model = p.spec, self.schema, Model(self.schema)
        out, (height, width) = spec["output"]["quantized"], p.extra["size"]
        depthwise = spec["groups"] > 1
        options = schema.DepthwiseConv2DOptionsT() if depthwise else schema.Conv2DOptionsT()
        options.strideH, options.strideW = spec["stride"]
        options.dilationHFactor, options.dilationWFactor = spec["dilation"]
        options.padding = schema.Padding.SAME
        options.fusedActivationFunction = int(spec["relu"])
        weights = p.weights
        if depthwise:
            options.depthMultiplier = 1
            weights = np.ascontiguousarray(weights.transpose(3, 1, 2, 0))
        inputs = self.operands(model, p, 3 if depthwise else 0, weights)
        y = model.tensor((spec["batch"], height, width, spec["out_channels"]), TYPE[out["dtype"]], one(out))
        self.run(p, model.build("DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", inputs, y, options, 3))

    def pointwise(self, op: str, p, options=None) -> None:
        model, spec = Model(self.schema), p.spec
        given = [spec[key] for key in ("a", "b", "input", "tensor") if key in spec]
        inputs = [model.tensor(x.shape, TYPE[t["dtype"]], one(t)) for t, x in zip(given, p.inputs)]
        out = spec.get("output", spec.get("tensor"))
        if options is not None:
            options.fusedActivationFunction = int(spec["relu"])
        y = model.tensor(p.inputs[0].shape, TYPE[out["dtype"]], one(out))
        self.run(p, model.build(op, inputs, y, options, 2))


def same(maker: Maker, size, kernel, stride, **given):
    """A conv padded as SAME pads: the odd position behind."""
    outs = [-(-n // s) for n, s in zip(size, stride)]
    pads = [max(0, (o - 1) * s + k - n) for o, s, k, n in zip(outs, stride, kernel, size)]
    begin, end = [n // 2 for n in pads], [n - n // 2 for n in pads]
    p = maker.conv(size, kernel=kernel, stride=stride, pad=begin, pad_end=end, bias="i32", w_low=-127, **given)
    p.extra["size"] = outs
    return p


def capture(folder: Folder, maker: Maker, schema, interpreter, resolver) -> Folder:
    c = Capture(folder, schema, interpreter, resolver)
    for dtype in ("u8", "s8"):
        for _ in range(4):
            c.quantize(maker.quantize(dtype))
            c.dequantize(maker.dequantize(dtype))
    for number in range(12):
        m, n, k = maker.rng.integers([1, 1, 1], [12, 30, 90]).tolist()
        channels, ties, relu = number % 2 == 0, number % 3 == 0, number % 4 == 1
        given = {"bias": "i32", "ties": ties, "channels": channels, "relu": relu, "w_low": -127}
        c.linear(maker.linear(m, n, k, "s8", "s8", **given))
    for channels in (True, False):
        for ties in (False, True):
            given = {"x_type": "s8", "out": "s8", "channels": channels, "ties": ties, "relu": ties}
            c.conv(same(maker, (7, 6), (3, 3), (1, 1), inner=3, outer=5, **given))
            c.conv(same(maker, (8, 9), (3, 3), (2, 2), inner=4, outer=7, **given))
            c.conv(same(maker, (5, 5), (1, 1), (1, 1), inner=9, outer=4, **given))
            c.conv(same(maker, (9, 9), (3, 3), (1, 1), inner=12, outer=12, groups=12, **given))
            c.conv(same(maker, (9, 8), (5, 5), (2, 2), inner=8, outer=8, groups=8, **given))
    for dtype in ("u8", "s8"):
        for relu in (False, True):
            for ties in (False, True):
                c.pointwise("ADD", maker.binary("add", dtype, relu, ties), schema.AddOptionsT())
                c.pointwise("MUL", maker.binary("mul", dtype, relu, ties), schema.MulOptionsT())
        for _ in range(3):
            c.pointwise("ADD", maker.binary("add", dtype, near=True), schema.AddOptionsT())
            c.pointwise("MUL", maker.binary("mul", dtype, near=True), schema.MulOptionsT())
            ends = {"LOGISTIC": ("sigmoid", 2.0**-8, -128), "TANH": ("tanh", 2.0**-7, 0)}
            for op, (function, scale, zero) in ends.items():
                given = {"dtype": dtype, "qparams": pair(scale, zero + (128 if dtype == "u8" else 0))}
                c.pointwise(op, maker.function(function, dtype, given))
            c.pointwise("RELU", maker.relu(dtype))
    return folder
