"""ONNX Runtime's quantization tools on models of three layers: the scales, codes and
bias that `quantize_static` and `quantize_dynamic` put into a model.
"""

import logging
import pathlib
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static

from form import Folder
from problems import Maker, Problem, pair

TYPES = {"u8": QuantType.QUInt8, "s8": QuantType.QInt8}
# The weights, and the axis that has a scale for each channel.
WEIGHTS = {"wc": 0, "wg": 1, "wm": 1}
# Bias: the tensor that its layer takes, and that layer's weights.
BIASES = {"bc": ("x", "wc"), "bg": ("r", "wg")}


class Reader(CalibrationDataReader):
    def __init__(self, batches: list):
        self.batches = iter(batches)

    def get_next(self):
        batch = next(self.batches, None)
        return None if batch is None else {"x": batch}


def constants(maker: Maker) -> dict:
    """A convolution, a linear with a bias and one without."""
    shapes = {"wc": (5, 3, 3, 3), "bc": (5,), "wg": (80, 6), "bg": (6,), "wm": (6, 4)}
    made = {name: maker.values(shape, 0.5) for name, shape in shapes.items()}
    made["wg"][:, 1] = np.abs(made["wg"][:, 1])
    return made


def model(given: dict) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Conv", ["x", "wc", "bc"], ["c"], "conv", pads=[1] * 4),
        helper.make_node("Relu", ["c"], ["r"], "relu"),
        helper.make_node("Flatten", ["r"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "wg", "bg"], ["g"], "gemm"),
        helper.make_node("MatMul", ["g", "wm"], ["y"], "matmul"),
    ]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", [2, 3, 4, 4]), ("y", [2, 4]))]
    held = [numpy_helper.from_array(array, name) for name, array in given.items()]
    graph = helper.make_graph(nodes, "three", ends[:1], ends[1:], held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


class Capture:
    def __init__(self, folder: Folder, maker: Maker):
        self.folder, self.maker = folder, maker

    def one(self, kind: str, channels: bool, reduced: bool, static: bool, format=QuantFormat.QDQ) -> None:
        given = constants(self.maker)
        batches = [self.maker.values((2, 3, 4, 4), spread) for spread in (1.0, 2.0, 1.5)]
        options = {"weight_type": TYPES[kind], "per_channel": channels, "reduce_range": reduced}
        with tempfile.TemporaryDirectory() as folder:
            source, target = pathlib.Path(folder) / "float.onnx", pathlib.Path(folder) / "quantized.onnx"
            onnx.save(model(given), source)
            if static:
                options |= {"activation_type": QuantType.QUInt8, "quant_format": format}
                quantize_static(source, target, Reader(batches), **options)
            else:
                quantize_dynamic(source, target, **options)
            made = {t.name: numpy_helper.to_array(t) for t in onnx.load(target).graph.initializer}
        engine = f"static-{format.name}" if static else "dynamic"
        for name, axis in WEIGHTS.items():
            self.weights(engine, given[name], made, name, axis, reduced)
        if static:
            x = np.concatenate([batch.ravel() for batch in batches])
            p = self.maker.choose(x, "u8", [0, 255])
            self.folder.add(engine, "onnxruntime-tools", p, [np.float64([made["x_scale"]]), np.int32([made["x_zero_point"]])])
            for name, (tensor, w) in BIASES.items():
                if f"{tensor}_scale" in made:
                    self.bias(engine, given[name], made, name, (tensor, w))

    def limits(self, dtype: str, reduced: bool) -> list:
        """The codes from which a scale is chosen."""
        if dtype == "s8":
            return [-64, 64] if reduced else [-127, 127]
        return [0, 127] if reduced else [0, 255]

    def weights(self, engine: str, x, made: dict, name: str, axis: int, reduced: bool) -> None:
        """Of the type that they came to: QLinearConv takes channels in s8 alone."""
        scales, zeros = made[f"{name}_scale"], made[f"{name}_zero_point"]
        codes = made[f"{name}_quantized"]
        dtype = "u8" if codes.dtype == np.uint8 else "s8"
        # Channels between dequantizing nodes are symmetric in u8 too.
        symmetric = dtype == "s8" or (engine == "static-QDQ" and scales.size > 1)
        for channel in range(scales.size):
            values = np.ascontiguousarray(x if scales.size == 1 else np.take(x, channel, axis)).reshape(-1)
            p = self.maker.choose(values, dtype, self.limits(dtype, reduced), symmetric)
            chosen = [np.float64([scales.flat[channel]]), np.int32([zeros.flat[channel]])]
            self.folder.add(engine, "onnxruntime-tools", p, chosen)
        pairs = [pair(scale, zero) for scale, zero in zip(scales.flat, zeros.flat)]
        given = {"per_tensor": pairs[0]} if len(pairs) == 1 else {"per_channel": {"axis": axis, "qparams": pairs}}
        spec = {"shape": list(x.shape), "dtype": dtype, "granularity": given, "range": None}
        self.folder.add(engine, "onnxruntime-tools", Problem("quantize", spec, [x], what="weights"), codes)

    def bias(self, engine: str, x, made: dict, name: str, layer) -> None:
        """In steps of the product of two scales, in f32."""
        steps = np.atleast_1d(made[f"{layer[0]}_scale"] * made[f"{layer[1]}_scale"])
        pairs = [pair(step, 0) for step in steps]
        given = {"per_tensor": pairs[0]} if len(pairs) == 1 else {"per_channel": {"axis": 0, "qparams": pairs}}
        spec = {"shape": list(x.shape), "dtype": "s32", "granularity": given, "range": None}
        p = Problem("quantize", spec, [x], what="bias")
        self.folder.add(engine, "onnxruntime-tools-bias", p, made[f"{name}_quantized"].astype(np.int32))


def capture(out: str, seed: int, maker: Maker) -> Folder:
    logging.disable(logging.WARNING)
    version = f"onnxruntime {ort.__version__}, onnx {onnx.__version__}"
    folder = Folder(out, "onnxruntime-tools", version, seed, "pip install onnxruntime onnx numpy")
    c = Capture(folder, maker)
    for kind in TYPES:
        for channels in (False, True):
            for reduced in (False, True):
                for static in (False, True):
                    c.one(kind, channels, reduced, static)
            c.one(kind, channels, False, True, QuantFormat.QOperator)
    return folder
