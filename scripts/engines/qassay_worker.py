"""A Qassay worker in Python: `serve(declaration, prepare)` answers requests until they end.

One file, numpy only; the protocol is backends/PROTOCOL.md. A worker:

    from qassay_worker import Unsupported, serve

    def prepare(op, spec, weights, bias):
        if op != "relu":
            raise Unsupported(f"{op}: this engine has relu only")
        zero = spec["tensor"]["qparams"]["zero_point"]
        return lambda codes: codes.clip(zero)

    serve({"name": "mine", "isa": "any", "profile": "exact", "ops": ["relu"]}, prepare)

Start it with `qassay conform --backend exec:"python3 mine.py"`.

`prepare` gets the op's name, its spec (fields as in golden files), and the constants as
numpy arrays or None. It returns a function of the run-time inputs that gives one array or
a list of them, or raises `Unsupported` or `Precondition` with the reason. Any other
exception is a failure of the engine. What is printed goes to standard error.
"""

import json
import math
import os
import struct
import sys
import traceback

try:
    import numpy as np
except ImportError:
    sys.exit(f"qassay_worker.py: {sys.executable} has no numpy, which workers need: pip install numpy, or another Python")

PROTOCOL = 1
MOST_BYTES = 1 << 30  # of a frame
MOST_HEADER = 100_000_000  # of the header inside
TYPES = {"U8": np.uint8, "I8": np.int8, "I32": np.int32, "F32": np.float32, "F64": np.float64}
NAMES = {np.dtype(kind): name for name, kind in TYPES.items()}


class Unsupported(Exception):
    """The engine has no such op, type or parameter."""


class Precondition(Exception):
    """A declared precondition does not hold for these operands."""


class Broken(Exception):
    """What arrived is no frame of the protocol."""


# --- frames ------------------------------------------------------------------


def encode(message: dict, tensors: dict) -> bytes:
    """A frame: the length, and a safetensors file with the message in its metadata."""
    header, parts, at = {"__metadata__": {"qassay": json.dumps(message)}}, [], 0
    for name, array in tensors.items():
        if array.dtype not in NAMES:
            raise TypeError(f"{name} is {array.dtype}; the protocol has {', '.join(TYPES)}")
        data = np.ascontiguousarray(array).tobytes()
        offsets = [at, at + len(data)]
        header[name] = {"dtype": NAMES[array.dtype], "shape": list(array.shape), "data_offsets": offsets}
        parts.append(data)
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    size = 8 + len(text) + at
    if size > MOST_BYTES or len(text) > MOST_HEADER:
        raise ValueError(f"a frame of {size} bytes is over the protocol's limit")
    return struct.pack("<QQ", size, len(text)) + text + b"".join(parts)


def decode(frame: bytes) -> tuple[dict, dict]:
    """Message and tensors of a frame without its length."""
    if len(frame) < 8:
        raise Broken(f"a frame of {len(frame)} bytes")
    (length,) = struct.unpack_from("<Q", frame)
    if length > MOST_HEADER or length > len(frame) - 8:
        raise Broken(f"a header of {length} bytes in a frame of {len(frame)}")
    header, tensors = json.loads(frame[8 : 8 + length]), {}
    message = json.loads(header.pop("__metadata__", {}).get("qassay", "null"))
    if not isinstance(message, dict):
        raise Broken("a frame without a message")
    data = memoryview(frame)[8 + length :]
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        kind, count = np.dtype(TYPES[entry["dtype"]]), math.prod(entry["shape"])
        if not 0 <= begin <= end <= len(data) or end - begin != count * kind.itemsize:
            raise Broken(f"tensor {name} does not fit its frame")
        tensors[name] = np.frombuffer(data[begin:end], kind).reshape(entry["shape"])
    return message, tensors


def read_frame(stream) -> bytes | None:
    """The next frame without its length; None at the end."""
    start = stream.read(8)
    if not start:
        return None
    if len(start) < 8:
        raise Broken("input ends inside a frame's length")
    (size,) = struct.unpack("<Q", start)
    if size > MOST_BYTES:
        raise Broken(f"a frame of {size} bytes is over the protocol's limit")
    frame = stream.read(size)
    if len(frame) < size:
        raise Broken(f"input ends after {len(frame)} of a frame's {size} bytes")
    return frame


# --- serving -----------------------------------------------------------------


def last_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no text'}"


class Server:
    """Answers messages; holds the prepared kernels."""

    def __init__(self, declaration: dict, prepare):
        self.declaration, self.make, self.kernels = declaration, prepare, {}

    def answer(self, message: dict, tensors: dict) -> tuple[dict, dict] | None:
        """The answer with its tensors; None if there is none."""
        if "hello" in message:
            if PROTOCOL not in message["hello"]["protocols"]:
                spoken = ", ".join(map(str, message["hello"]["protocols"]))
                return {"refuse": {"why": f"this worker speaks protocol {PROTOCOL}, not {spoken}"}}, {}
            return {"declare": {"protocol": PROTOCOL, "backend": self.declaration}}, {}
        if "prepare" in message:
            cases = enumerate(message["prepare"]["cases"])
            return {"prepared": {"cases": [self.prepare(i, case, tensors) for i, case in cases]}}, {}
        if "run" in message:
            outputs = {}
            cases = enumerate(message["run"]["cases"])
            return {"ran": {"cases": [self.run(i, case, tensors, outputs) for i, case in cases]}}, outputs
        if "release" in message:
            for kernel in message["release"]["kernels"]:
                self.kernels.pop(kernel, None)
            return None
        raise Broken(f"unknown request {', '.join(message) or '(empty)'}")

    def prepare(self, index: int, case: dict, tensors: dict) -> dict:
        ((op, spec),) = case["op"].items()
        try:
            kernel = self.make(op, spec, tensors.get(f"{index}.weights"), tensors.get(f"{index}.bias"))
        except Unsupported as why:
            return {"unsupported": str(why)}
        except Precondition as why:
            return {"precondition": str(why)}
        except Exception as error:
            traceback.print_exc()
            return {"error": last_line(error)}
        self.kernels[case["kernel"]] = kernel
        return {"ready": {"chosen": getattr(kernel, "chosen", self.declaration["name"])}}

    def run(self, index: int, case: dict, tensors: dict, outputs: dict) -> dict:
        inputs, number = [], 0
        while f"{index}.input.{number}" in tensors:
            inputs.append(tensors[f"{index}.input.{number}"])
            number += 1
        try:
            given = self.kernels[case["kernel"]](*inputs)
        except Exception as error:
            traceback.print_exc()
            return {"error": last_line(error)}
        given = given if isinstance(given, (list, tuple)) else [given]
        outputs |= {f"{index}.output.{number}": np.asarray(array) for number, array in enumerate(given)}
        return {"done": {}}


def claim_stdout() -> int:
    """Standard output for frames alone; what libraries print goes to standard error."""
    sys.stdout.flush()
    own = os.dup(1)
    os.dup2(2, 1)
    return own


def serve(declaration: dict, prepare, output: int | None = None) -> None:
    """Answers until `bye` or the end of standard input. `output`: what `claim_stdout`
    gave, where it had to be called earlier, before a library that prints was loaded."""
    out = os.fdopen(claim_stdout() if output is None else output, "wb")
    server = Server(declaration, prepare)
    while (frame := read_frame(sys.stdin.buffer)) is not None:
        message, tensors = decode(frame)
        if "bye" in message:
            break
        answer = server.answer(message, tensors)
        if answer is not None:
            out.write(encode(*answer))
            out.flush()
