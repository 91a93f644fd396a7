"""gemmlowp (Debian's libgemmlowp-dev): products of u8 by u8 to sums, and to codes by its
fixed-point output stages. `setup.sh gemmlowp` compiles gemmlowp.cc, which calls it.
"""

import math
import pathlib
import subprocess

import numpy as np

from form import Folder
from problems import Maker, Problem, shapes_of_linear

HERE = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = HERE / ".venv" / "gemmlowp" / "gemmlowp"

if not PROGRAM.exists():
    raise ImportError("gemmlowp is not compiled")


def run(kind: str, numbers: list, arrays: list, result) -> np.ndarray:
    """One problem by the program: see gemmlowp.cc."""
    given = kind.encode() + np.array(numbers, "<i4").tobytes() + b"".join(a.tobytes() for a in arrays)
    done = subprocess.run([str(PROGRAM)], input=given, stdout=subprocess.PIPE, check=True)
    return np.frombuffer(done.stdout, result)


def fixed_point(multiplier: float) -> tuple[int, int]:
    """A multiplier of 31 bits and an exponent, as the library's example makes them."""
    fraction, exponent = math.frexp(multiplier)
    integer = round(fraction * 2**31)
    return (integer // 2, exponent + 1) if integer == 2**31 else (integer, exponent)


class Capture:
    def __init__(self, folder: Folder, maker: Maker):
        self.folder, self.maker = folder, maker

    def linear(self, p) -> None:
        spec = p.spec
        x, w = spec["activation"]["quantized"]["qparams"], spec["weights"]["per_tensor"]
        # The weights are its left operand: their rows have a bias each.
        sizes = [spec["n"], spec["m"], spec["k"], -w["zero_point"], -x["zero_point"]]
        arrays = [p.weights, p.inputs[0]]
        shape = (spec["m"], spec["n"])
        if spec["output"] == "sums":
            return self.folder.add("gemm", "gemmlowp", p, run("s", sizes, arrays, np.int32).reshape(shape))
        out = spec["output"]["quantized"]["qparams"]
        multiplier = np.float32(x["scale"]) * np.float32(w["scale"]) / np.float32(out["scale"])
        low = out["zero_point"] if spec["relu"] else 0
        stages = [out["zero_point"], *fixed_point(float(multiplier)), low, 255]
        y = run("g", sizes + stages, [*arrays, p.bias], np.uint8).reshape(shape)
        self.folder.add("gemm", "gemmlowp", p, y)

    def requantize(self, ties: bool) -> None:
        """Sums, given as the bias of products with 0."""
        count = 400
        shift = int(self.maker.rng.integers(2, 16))
        multiplier = np.float32(2.0**-shift * (1 if ties else 1 + self.maker.rng.random()))
        sums = self.maker.rng.integers(-(2 ** (shift + 8)), 2 ** (shift + 8), count)
        sums[:8] = [0, 1, -1, 2 ** (shift - 1), -(2 ** (shift - 1)), 3 * 2 ** (shift - 1), 2**31 - 1, -(2**31)]
        sums = sums.astype(np.int32)
        zero = self.maker.zero_point("u8")
        spec = {
            "rows": 1, "columns": count, "dtype": "u8", "zero_point": zero,
            "multipliers": [float(multiplier)], "relu": False,
        }  # fmt: skip
        p = Problem("requantize", spec, [sums.reshape(1, count)], what="sums to codes")
        nothing = [np.zeros(count, np.uint8), np.zeros(1, np.uint8), sums]
        numbers = [count, 1, 1, 0, 0, zero, *fixed_point(float(multiplier)), 0, 255]
        self.folder.add("output_stages", "gemmlowp", p, run("g", numbers, nothing, np.uint8).reshape(1, count))


def release() -> str:
    asked = ["dpkg-query", "-W", "-f=${Version}", "libgemmlowp-dev"]
    try:
        return subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def capture(out: str, seed: int, maker: Maker) -> Folder:
    folder = Folder(out, "gemmlowp", release(), seed, "apt-get install libgemmlowp-dev")
    c = Capture(folder, maker)
    for number, (m, n, k) in enumerate(shapes_of_linear(maker)):
        for ties in (False, True):
            given = {"w_type": "u8", "w_zero": False, "bias": "i32", "relu": number % 3 == 1, "ties": ties}
            c.linear(maker.linear(m, n, k, **given))
        c.linear(maker.linear(m, n, k, w_type="u8", w_zero=False, bias="none", output="sums"))
    for number in range(8):
        c.requantize(number % 2 == 0)
    return folder
