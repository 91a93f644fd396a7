"""TOSA's reference model: RESCALE in its rounding modes."""

import tempfile
from importlib.metadata import version

import numpy as np
import tosa_reference_model
from serializer import tosa_serializer as serializer
from tosa.DType import DType
from tosa.Op import Op
from tosa.RoundingMode import RoundingMode

from form import Folder
from problems import Maker

KIND = {"s8": DType.INT8, "u8": DType.INT8, "s16": DType.INT16, "s32": DType.INT32}
TYPE = {"s8": np.int8, "u8": np.uint8, "s16": np.int16, "s32": np.int32}
MODES = {
    "single": RoundingMode.SINGLE_ROUND,
    "double": RoundingMode.DOUBLE_ROUND,
    "inexact": RoundingMode.INEXACT_ROUND,
}


def rescale(spec: dict, x: np.ndarray):
    """What the reference model gives, or None where TOSA leaves the result open."""
    shape = list(x.shape)
    x = x.view(np.int8) if spec["input"] == "u8" else x
    # The serializer writes inputs and constants as files, too, which nobody needs.
    with tempfile.TemporaryDirectory() as folder:
        graph = serializer.TosaSerializer(folder)
        build(graph, spec, x)
        content = bytes(graph.serialize())
    outputs, status = tosa_reference_model.run(content, [x])
    if status != tosa_reference_model.GraphStatus.TOSA_VALID:
        return None
    return np.frombuffer(np.ascontiguousarray(outputs[0]).tobytes(), TYPE[spec["output"]]).reshape(shape)


def build(graph, spec: dict, x) -> None:
    """The one node of the graph."""
    shape, scale32 = list(x.shape), spec["scale32"]
    source = graph.addPlaceholder(shape, KIND[spec["input"]], x)
    multipliers = [scale["multiplier"] for scale in spec["scales"]]
    kind = DType.INT32 if scale32 else DType.INT16
    inputs = [source] + [
        graph.addConst([len(values)], dtype, values)
        for dtype, values in (
            (kind, multipliers),
            (DType.INT8, [scale["shift"] for scale in spec["scales"]]),
            (KIND[spec["input"]], [wrapped(spec["input"], spec["input_zero_point"])]),
            (KIND[spec["output"]], [wrapped(spec["output"], spec["output_zero_point"])]),
        )
    ]
    result = graph.addOutput(shape, KIND[spec["output"]])
    attribute = serializer.TosaSerializerAttribute()
    unsigned = [spec[side] == "u8" for side in ("input", "output")]
    attribute.RescaleAttribute(scale32, MODES[spec["rounding"]], len(spec["scales"]) > 1, *unsigned)
    graph.addOperator(Op.RESCALE, [tensor.name for tensor in inputs], [result.name], attribute)


def wrapped(dtype: str, code: int) -> int:
    """The signed number that has the bits of this code."""
    return code - 256 if dtype == "u8" and code > 127 else code


def capture(out: str, seed: int, maker: Maker) -> Folder:
    folder = Folder(out, "tosa", version("tosa-tools"), seed, "pip install tosa-tools")
    rng, pairs = maker.rng, [("s32", "s8"), ("s8", "s8"), ("s8", "s32"), ("s16", "s8"), ("s8", "s16"), ("s32", "s16")]
    pairs += [("u8", "s8"), ("s8", "u8")]
    for number in range(16):
        for source, target in pairs:
            scale32, channels = number % 4 != 3, 4 if number % 2 else 1
            bits = {"s8": 8, "u8": 9, "s16": 16, "s32": 28}[source]
            top = 30 if scale32 else 14
            scales = []
            for _ in range(channels):
                # Ties need multipliers of few bits; a result should fill the output's range.
                multiplier = 2**top + (0 if number % 3 == 0 else int(rng.integers(2**top)))
                fill = {"s8": 8, "u8": 8, "s16": 16, "s32": 20}[target]
                shift = top + max(0, bits - fill) + int(rng.integers(0, 3))
                scales.append({"multiplier": multiplier, "shift": min(62, max(2, shift))})
            low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if source != "u8" else (0, 255)
            x = rng.integers(low, high + 1, (64, channels)).astype(TYPE[source])
            spec = {
                "shape": list(x.shape),
                "input": source,
                "input_zero_point": maker.zero_point(source) if source in ("s8", "u8") else 0,
                "output": target,
                "output_zero_point": maker.zero_point(target) if target in ("s8", "u8") else 0,
                "scale32": scale32,
                "scales": scales,
                "rounding": list(MODES)[number % (3 if scale32 else 1)],
            }
            y = rescale(spec, x)
            if y is not None:
                problem = maker.problem("rescale", spec, [x], f"{source} to {target}")
                folder.add("reference_model", "tosa", problem, y)
    return folder
