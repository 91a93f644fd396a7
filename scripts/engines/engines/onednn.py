"""oneDNN's CPU build through its C interface: matmul, convolution, and reorders that
quantize and dequantize.

Held to one instruction set by ONEDNN_MAX_CPU_ISA, as where there is AMX it picks
kernels by shape. Real parameters enter as oneDNN 3 takes them: a scale for source,
weights and destination, zero points for source and destination, bias in f32.
"""

import ctypes
import os
import pathlib
import sys

import numpy as np
from problems import scales

from .mapped import VNNI, Mapping, channels, need

LIBRARY = pathlib.Path(sys.prefix) / "lib" / "libdnnl.so.3"
TYPES = {np.dtype(np.float32): 3, np.dtype(np.int32): 4, np.dtype(np.int8): 5, np.dtype(np.uint8): 6}
KIND = {"u8": np.uint8, "s8": np.int8, "s32": np.int32}
INFERENCE, DIRECT, RELU, ANY_FORMAT = 96, 1, 0x20, 1
SRC, DST, WEIGHTS, BIAS, SCALES, ZERO_POINTS = 1, 17, 33, 41, 4096, 8192
QUERY_IMPLEMENTATION, QUERY_WEIGHTS = 8, 131


class Failure(RuntimeError):
    """A call that oneDNN refuses, by its status."""

    STATUS = {1: "out of memory", 2: "invalid arguments", 3: "unimplemented", 5: "runtime error"}

    def __init__(self, call: str, status: int):
        super().__init__(f"{call}: {self.STATUS.get(status, status)}")
        self.unimplemented = status == 3


class Dims(ctypes.Structure):
    _fields_ = [("values", ctypes.c_int64 * 12)]

    def __init__(self, values):
        super().__init__()
        self.values[: len(values)] = list(map(int, values))


class Argument(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_int), ("memory", ctypes.c_void_p)]


class Onednn:
    """The library, its CPU engine, and what is made of both."""

    def __init__(self):
        self.library = ctypes.CDLL(str(LIBRARY))
        self.library.dnnl_primitive_desc_query_md.restype = ctypes.c_void_p
        self.engine, self.stream = ctypes.c_void_p(), ctypes.c_void_p()
        self.call("engine_create", ctypes.byref(self.engine), 1, ctypes.c_size_t(0))
        self.call("stream_create", ctypes.byref(self.stream), self.engine, 1)

    def call(self, name: str, *words) -> None:
        status = getattr(self.library, f"dnnl_{name}")(*words)
        if status:
            raise Failure(name, status)

    def make(self, name: str, *words) -> ctypes.c_void_p:
        made = ctypes.c_void_p()
        self.call(name, ctypes.byref(made), *words)
        return made

    def desc(self, shape, kind, strides=None):
        """A memory descriptor: dense, with these strides, or (`any`) in a form of oneDNN's choice."""
        dims = ctypes.byref(Dims(shape))
        kind = TYPES[np.dtype(kind)]
        if strides == "any":
            return self.make("memory_desc_create_with_tag", len(shape), dims, kind, ANY_FORMAT)
        if strides is None:
            strides = [int(np.prod(shape[i + 1 :])) for i in range(len(shape))]
        return self.make("memory_desc_create_with_strides", len(shape), dims, kind, ctypes.byref(Dims(strides)))

    def memory(self, desc, array):
        return self.make("memory_create", desc, self.engine, ctypes.c_void_p(array.ctypes.data))

    def values(self, values, kind):
        """A vector of scales or zero points, and the array that holds it."""
        array = np.ascontiguousarray(np.atleast_1d(values), kind)
        return self.memory(self.desc(array.shape, kind), array), array

    def execute(self, primitive, arguments: dict) -> None:
        given = (Argument * len(arguments))(*[Argument(arg, memory.value) for arg, memory in arguments.items()])
        self.call("primitive_execute", primitive, self.stream, len(given), given)
        self.call("stream_wait", self.stream)

    def reorder(self, source, source_desc, target, target_desc, attributes=None, more=None) -> None:
        words = (source_desc, self.engine, target_desc, self.engine, attributes)
        desc = self.make("reorder_primitive_desc_create", *words)
        primitive = self.make("primitive_create", desc)
        self.execute(primitive, {SRC: source, DST: target, **(more or {})})
        self.call("primitive_destroy", primitive)
        self.call("primitive_desc_destroy", desc)


def implementation(dnnl: Onednn, desc) -> str:
    name = ctypes.c_char_p()
    dnnl.call("primitive_desc_query", desc, QUERY_IMPLEMENTATION, 0, ctypes.byref(name))
    return name.value.decode()


class Product:
    """A prepared product: weights in the form that the primitive wants, and its parameters."""

    def __init__(self, dnnl, spec, weights, bias, shapes, strides, create, mask):
        """`shapes` and `strides`: of source, weights and destination, as oneDNN orders dimensions;
        `create`: the primitive's descriptor from those of its tensors and its attributes."""
        self.dnnl, self.kept = dnnl, []
        self.shapes, self.strides = shapes, strides
        given, output = spec["activation"], spec["output"]
        given = given.get("quantized", given)
        self.result = KIND[output["quantized"]["dtype"]] if isinstance(output, dict) else {
            "float": np.float32, "sums": np.int32,
        }[output]  # fmt: skip
        attributes, self.arguments = dnnl.make("primitive_attr_create"), {}
        self.parameters(attributes, given, spec["weights"], output, mask)
        if spec["relu"]:
            post = dnnl.make("post_ops_create")
            dnnl.call("post_ops_append_eltwise", post, RELU, ctypes.c_float(0), ctypes.c_float(0))
            dnnl.call("primitive_attr_set_post_ops", attributes, post)
        source = dnnl.desc(shapes[0], KIND[given["dtype"]], strides[0])
        target = dnnl.desc(shapes[2], self.result, strides[2])
        biases = None
        if bias is not None:
            shape = [1] * (len(shapes[2]) - 1) + [len(bias)] if mask == 2 else [len(bias)]
            biases = dnnl.desc(shape, np.float32)
            self.kept.append(bias := np.ascontiguousarray(bias))
            self.arguments[BIAS] = dnnl.memory(biases, bias)
        desc = create(source, dnnl.desc(shapes[1], np.int8, "any"), biases, target, attributes)
        self.primitive = dnnl.make("primitive_create", desc)
        self.chosen = implementation(dnnl, desc)
        self.pack(desc, weights)
        self.source, self.target = source, target

    def parameters(self, attributes, given, weights, output, mask) -> None:
        def scale(arg, values, mask=0):
            self.dnnl.call("primitive_attr_set_scales_mask", attributes, arg, mask)
            self.add(SCALES | arg, values, np.float32)

        def zero_point(arg, value):
            if value:
                self.dnnl.call("primitive_attr_set_zero_points_mask", attributes, arg, 0)
                self.add(ZERO_POINTS | arg, value, np.int32)

        zero_point(SRC, given["qparams"]["zero_point"])
        if output == "sums":
            return
        scale(SRC, given["qparams"]["scale"])
        scale(WEIGHTS, scales(weights)[0], mask if channels(weights) else 0)
        if output != "float":
            scale(DST, output["quantized"]["qparams"]["scale"])
            zero_point(DST, output["quantized"]["qparams"]["zero_point"])

    def add(self, arg, values, kind) -> None:
        self.arguments[arg], array = self.dnnl.values(values, kind)
        self.kept.append(array)

    def pack(self, desc, weights) -> None:
        weights = np.ascontiguousarray(weights)
        plain = self.dnnl.desc(self.shapes[1], np.int8, self.strides[1])
        wanted = ctypes.c_void_p(self.dnnl.library.dnnl_primitive_desc_query_md(desc, QUERY_WEIGHTS, 0))
        self.dnnl.library.dnnl_memory_desc_get_size.restype = ctypes.c_size_t
        packed = np.zeros(self.dnnl.library.dnnl_memory_desc_get_size(wanted) + 64, np.uint8)
        self.arguments[WEIGHTS] = self.dnnl.memory(wanted, packed)
        self.dnnl.reorder(self.dnnl.memory(plain, weights), plain, self.arguments[WEIGHTS], wanted)
        self.kept += [packed, weights]

    def run(self, x, shape):
        y = np.zeros(shape, self.result)
        source, target = self.dnnl.memory(self.source, x), self.dnnl.memory(self.target, y)
        self.dnnl.execute(self.primitive, {SRC: source, DST: target, **self.arguments})
        for memory in (source, target):
            self.dnnl.call("memory_destroy", memory)
        return y


class Engine(Mapping):
    ops = ("quantize", "dequantize", "linear", "conv")

    def __init__(self):
        self.dnnl = Onednn()

    def prepare(self, op, spec, weights, bias):
        try:
            return getattr(self, op)(spec, weights, bias)
        except Failure as failure:
            need(not failure.unimplemented, f"oneDNN has no implementation: {failure}")
            raise

    def symmetric(self, spec, weights) -> None:
        need(weights.dtype == np.int8, "weights of u8")
        need(spec["bias"] in ("none", "f32"), "a bias of s32: biases are f32")
        need(isinstance(spec["relu"], bool), "a fused clamp to two codes")
        need(spec["output"] != "sums" or spec["bias"] == "none", "sums with a bias")

    def linear(self, spec, weights, bias):
        need(isinstance(spec["activation"], dict) and "quantized" in spec["activation"], "activations of f32")
        self.symmetric(spec, weights)
        m, n, k = spec["m"], spec["n"], spec["k"]

        def create(*words):
            return self.dnnl.make("matmul_primitive_desc_create", self.dnnl.engine, *words)

        strides = [None, [1, k], None]  # the weights are [n, k], oneDNN's [k, n]
        product = Product(self.dnnl, spec, weights, bias, [[m, k], [k, n], [m, n]], strides, create, 2)
        return self.kernel(product, (m, n))

    def conv(self, spec, weights, bias):
        self.symmetric(spec, weights)
        groups, dims = spec["groups"], len(spec["kernel"])
        inner, outer = spec["in_channels"], spec["out_channels"]
        size = [
            (n + before + after - dilation * (k - 1) - 1) // stride + 1
            for n, k, stride, before, after, dilation in zip(
                spec["input"], spec["kernel"], spec["stride"], spec["pad_begin"], spec["pad_end"], spec["dilation"]
            )
        ]

        def create(source, weights, bias, target, attributes):
            windows = [spec["stride"], [d - 1 for d in spec["dilation"]], spec["pad_begin"], spec["pad_end"]]
            words = (source, weights, bias, target, *(ctypes.byref(Dims(values)) for values in windows), attributes)
            return self.dnnl.make("convolution_forward_primitive_desc_create", self.dnnl.engine, INFERENCE, DIRECT, *words)

        def image(size, channels):
            pixels = [int(np.prod(size[i + 1 :])) * channels for i in range(len(size))]
            return [spec["batch"], channels, *size], [int(np.prod(size)) * channels, 1, *pixels]

        kernel, each = spec["kernel"], inner // groups
        taps = [int(np.prod(kernel[i + 1 :])) * each for i in range(dims)]
        whole = int(np.prod(kernel)) * each
        shape, strides = [outer, each, *kernel], [whole, 1, *taps]
        if groups > 1:
            shape, strides = [groups, outer // groups, each, *kernel], [whole * outer // groups, whole, 1, *taps]
        x, y = image(spec["input"], inner), image(size, outer)
        mask = 3 if groups > 1 else 1
        product = Product(self.dnnl, spec, weights, bias, [x[0], shape, y[0]], [x[1], strides, y[1]], create, mask)
        return self.kernel(product, (spec["batch"], *size, outer))

    def kernel(self, product, shape):
        def run(x):
            return product.run(np.array(x), shape)

        run.chosen = product.chosen
        return run

    def reorder(self, shape, source, target, arg, qparams):
        """A reorder between codes and reals; `arg` is the side of the codes."""
        attributes = self.dnnl.make("primitive_attr_create")
        self.dnnl.call("primitive_attr_set_scales_mask", attributes, arg, 0)
        scale, kept = self.dnnl.values(qparams["scale"], np.float32)
        more, zero = {SCALES | arg: scale}, None
        if qparams["zero_point"]:
            self.dnnl.call("primitive_attr_set_zero_points_mask", attributes, arg, 0)
            more[ZERO_POINTS | arg], zero = self.dnnl.values(qparams["zero_point"], np.int32)
        descs = self.dnnl.desc(shape, source), self.dnnl.desc(shape, target)

        def run(x):
            x, y = np.array(x), np.zeros(shape, target)
            memories = [self.dnnl.memory(desc, array) for desc, array in zip(descs, (x, y))]
            self.dnnl.reorder(memories[0], descs[0], memories[1], descs[1], attributes, more)
            return y

        run.kept = (kept, zero)
        return run

    def elements(self, spec) -> None:
        need(not channels(spec["granularity"]), "a scale per channel")
        need(spec.get("range") is None, "a range of codes narrower than the type's")
        need(0 not in spec["shape"], "tensors without values")

    def quantize(self, spec, _weights, _bias):
        self.elements(spec)
        given = spec["granularity"]["per_tensor"]
        return self.reorder(spec["shape"], np.float32, KIND[spec["dtype"]], DST, given)

    def dequantize(self, spec, _weights, _bias):
        self.elements(spec)
        return self.reorder(spec["shape"], KIND[spec["dtype"]], np.float32, SRC, spec["granularity"]["per_tensor"])


def backend(name: str):
    isa = "AVX2" if name == "avx2" or not VNNI else "AVX512_CORE_VNNI"
    os.environ.setdefault("ONEDNN_MAX_CPU_ISA", isa)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    mapping = Engine()
    declaration = {
        "name": f"oneDNN 3.2 {name}",
        "isa": isa.lower(),
        "profile": "onednn-3-jit" if "VNNI" in isa else "onednn-3-jit-avx2",
        "preconditions": ["symmetric-weights"],
        "ops": list(mapping.ops),
    }
    return declaration, mapping.prepare
