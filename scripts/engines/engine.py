#!/usr/bin/env python3
"""Real engines as Qassay backends, by the worker protocol (backends/PROTOCOL.md).

Usage: qassay conform --backend exec:"scripts/engines/engine.py SYSTEM ENGINE"
       engine.py --list

`setup.sh` makes the Python environments; a system runs in its own if there is
one, and in the Python that runs this otherwise.
"""

import importlib
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
UPSTREAM = HERE.parent / "upstream"

# system -> (environment of scripts/upstream, its engines)
SYSTEMS = {
    "pytorch": (
        "pytorch",
        {
            "fbgemm": "FBGEMM's kernels, and ATen's where FBGEMM has none",
            "fbgemm-avx2": "FBGEMM's kernels for products, held to AVX2: FBGEMM_ENABLE_INSTRUCTIONS=AVX2",
            "x86": "products of the engine x86: FBGEMM's",
            "x86-conv": "its convolutions: oneDNN's where there is VNNI, else FBGEMM's",
            "onednn": "oneDNN's kernels for products",
            "onednn-avx2": "as onednn, held to AVX2: ONEDNN_MAX_CPU_ISA=AVX2",
            "qnnpack": "QNNPACK's kernels",
            "scalar": "ATen's element functions: per channel, and 32-bit codes",
            "observers": "torch.ao.quantization's observers and the parameters that they choose",
        },
    ),
    "onnxruntime": (
        "onnxruntime",
        {
            "default": "MLAS as it comes",
            "x64quantprecision": "with session.x64quantprecision: no kernel that saturates",
            "reference": "onnx's reference evaluator",
        },
    ),
    "onednn": (
        "onednn",
        {
            "default": "oneDNN's CPU build through its C interface, on the best instructions of this CPU but AMX",
            "avx2": "as default, held to AVX2",
        },
    ),
    "litert": (
        "litert",
        {
            "reference": "LiteRT's reference kernels",
            "optimised": "LiteRT's optimised kernels",
            "xnnpack": "the XNNPACK delegate",
        },
    ),
}

# Engines that setup.sh makes plugins of: system -> engine -> (library in .plugins, what it is)
PLUGINS = {
    "onnxruntime": {
        "plugin": ("onnxruntime", "MLAS through the C interface, in the worker's own process; images channel-last"),
        "plugin-exact": ("onnxruntime_exact", "as plugin, with session.x64quantprecision"),
    },
    "onednn": {"plugin": ("onednn", "the same library as a plugin in C, in the worker's own process")},
    "xnnpack": {"plugin": ("xnnpack", "Debian's XNNPACK of February 2022")},
    "gemmlowp": {"plugin": ("gemmlowp", "Debian's gemmlowp, products only")},
    "rten": {"plugin": ("rten", "the crate rten-gemm, products to sums only")},
    "tract": {"plugin": ("tract", "the crate tract-linalg, products to sums only; codes of u8 are moved to s8 first")},
    "gemm": {"plugin": ("gemm", "the crate gemm: f32, as a base line of speed")},
}

FBGEMM_DEPTHWISE = (
    "Each crash is of a depthwise convolution by 5 x 5 x 5 with strides of 2: FBGEMM's kernel writes behind its "
    "memory, and the C library ends PyTorch where it sees that (`free(): invalid next size`). "
    "`torch.ops.quantized.conv3d` alone does the same: 16 channels, input 3 x 2 x 4, padding 2."
)

XNNPACK_SUBNORMAL = (
    "Quantize differs for subnormal values at the least normal scale alone: XNNPACK flushes subnormal numbers to 0 "
    "while it runs. No axis has it."
)

# What was found out about differences that no axis has, or that are no matter of arithmetic.
NOTES = {
    ("onednn", "plugin"): [
        "Every leak is of a convolution that `brgconv` runs with a fused relu: oneDNN 3.2 leaves two micro-kernels, "
        "about 17 KB, behind each time that such a primitive is made and destroyed, run or not. Its cache of "
        "primitives is off; without the relu, or in products with one, nothing is left.",
    ],
    ("xnnpack", "plugin"): [
        "Tensors, outputs too, are copied where fewer than 16 bytes of their page lie behind them: XNNPACK reads "
        "there (its max pool of windows above 9 behind its output).",
        XNNPACK_SUBNORMAL,
    ],
    ("rten", "plugin"): [
        "Weight zero points are refused: `prepack_b` does not take them, and packed weights are multiplied without.",
    ],
    ("gemm", "plugin"): [
        "Products of k up to 2 go another way in the crate (`gevv`), where a product and a sum are rounded apart; "
        "from k = 3 on both are one fused operation, which is what is declared.",
    ],
    ("pytorch", "onednn"): [
        "PyTorch hands oneDNN scales as reciprocals of reciprocals, which no suite tells from the scales themselves. "
        "On sums made to land on ties (one product, 5 120 outputs of an op), convolutions of oneDNN are, in every bit, f32(sum) "
        "times S = 1 / f32(1 / sa), times sw, plus bias, times 1 / so; the profile has sa for S, and 22 outputs "
        "differ. Linear is nearest to f32(sum) times S, times 1 / (1 / sw), plus bias, over 1 / (1 / so), with 5 outputs "
        "otherwise; the profile differs in 99.",
    ],
    ("pytorch", "onednn-avx2"): [
        "As above, held to AVX2: in every bit, convolutions are f32(sum) times (S times sw), plus bias, times 1 / so, "
        "and linear f32(sum) times (S times 1 / (1 / sw)), plus bias, times 1 / so. The profile's two multiplications "
        "differ in 80 and 125 of 5 120 outputs.",
    ],
    ("pytorch", "observers"): [
        "Histograms differ where the range is above 2^128 / 2048: `torch.histc` multiplies the distance from the least "
        "value by the number of bins before it divides, which overflows, and puts such values into the first bin.",
    ],
    ("litert", "xnnpack"): [
        XNNPACK_SUBNORMAL,
    ],
    ("onnxruntime", "reference"): [
        "Max pool with steps of 1 crashes on codes of s8: the evaluator pads, be it by nothing, with NaN, and converts that to an "
        "integer.",
    ],
    ("pytorch", "fbgemm"): [FBGEMM_DEPTHWISE],
    ("pytorch", "fbgemm-avx2"): [
        FBGEMM_DEPTHWISE,
        "Captured layers differ where FBGEMM generates a kernel for groups (3 x 3, 8 channels a group, as many in as out): "
        "it follows the CPU, not FBGEMM_ENABLE_INSTRUCTIONS, and sums exactly where that has VNNI.",
    ],
}


def plugin(system: str, engine: str) -> pathlib.Path | None:
    """The library of an engine that is a plugin."""
    found = PLUGINS.get(system, {}).get(engine)
    return HERE / ".plugins" / f"libqassay_{found[0]}.so" if found else None


def fail(line: str):
    print(f"engine.py: {line}", file=sys.stderr)
    sys.exit(2)


def main() -> None:
    words = sys.argv[1:]
    if words == ["--list"]:
        for system, (environment, engines) in SYSTEMS.items():
            there = (UPSTREAM / ".venv" / environment).is_dir()
            for engine, what in engines.items():
                print(f"{system} {engine:18} {what}" + ("" if there else f"   (first: setup.sh {system})"))
        for system, engines in PLUGINS.items():
            for engine, (_, what) in engines.items():
                library = plugin(system, engine)
                there = f"   plugin:{os.path.relpath(library)}" if library.exists() else f"   (first: setup.sh {system})"
                print(f"{system} {engine:18} {what}{there}")
        return
    if len(words) != 2:
        fail("SYSTEM and ENGINE are needed; engine.py --list shows them")
    system, engine = words
    if library := plugin(system, engine):
        fail(f"'{system} {engine}' is a plugin: --backend plugin:{os.path.relpath(library)}")
    if system not in SYSTEMS or engine not in SYSTEMS[system][1]:
        fail(f"no engine '{system} {engine}'; engine.py --list shows what there is")
    environment = SYSTEMS[system][0]
    python = UPSTREAM / ".venv" / environment / "bin" / "python"
    if python.exists() and pathlib.Path(sys.prefix) != python.parent.parent:
        os.execv(python, [str(python), *sys.argv])
    sys.path.insert(0, str(UPSTREAM))
    from qassay_worker import claim_stdout, serve

    output = claim_stdout()
    try:
        module = importlib.import_module(f"engines.{system}")
    except ImportError as missing:
        fail(f"{missing}: run scripts/engines/setup.sh {system}")
    serve(*module.backend(engine), output)


if __name__ == "__main__":
    main()
