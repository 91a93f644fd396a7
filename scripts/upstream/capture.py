#!/usr/bin/env python3
"""Captures what an installed system computes, for `qassay golden captures` and `qassay identify`.

Usage: capture.py SYSTEM --seed S --out DIR
       capture.py --list

`setup.sh` makes the Python environments; a system is run in its own if there is
one, and in the Python that runs this otherwise.
"""

import argparse
import importlib
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent

# system -> (environment, what is captured)
SYSTEMS = {
    "onnxruntime": ("onnxruntime", "ONNX Runtime (default and exact) and onnx's reference evaluator"),
    "onnxruntime-tools": ("onnxruntime", "ONNX Runtime's tools: what static and dynamic quantization put into a model"),
    "pytorch": ("pytorch", "PyTorch: fbgemm, x86, onednn, qnnpack; observers"),
    "litert": ("litert", "LiteRT: XNNPACK, its own optimised and reference kernels"),
    "tensorflow": ("tensorflow", "TensorFlow's TFLite: XNNPACK, its own optimised and reference kernels"),
    "tensorflow-quantize": ("tensorflow", "TensorFlow's fake quantization, QuantizeV2, its toolkit's quantizers"),
    "qkeras": ("tensorflow", "QKeras' quantizers"),
    "coremltools": ("coremltools", "coremltools: linear quantization and uniform palettes of weights"),
    "nni": ("pytorch", "NNI's quantizers, their gradients, scales and zero points"),
    "mxnet": ("mxnet", "MXNet: quantize, requantize, fully connected, entropy calibration"),
    "paddleslim": ("paddle", "PaddleSlim's observers, LSQ and LSQ+"),
    "nvidia": ("pytorch", "NVIDIA's Model Optimizer: calibrators, and its fake quantizer on a CPU"),
    "gemmlowp": ("gemmlowp", "gemmlowp: products of u8 by u8, its fixed-point output stages"),
    "torchao": ("pytorch", "torchao's affine primitives"),
    "paddle": ("paddle", "Paddle's calibrating quantizers"),
    "tosa": ("tosa", "TOSA's reference model: RESCALE"),
}


# What setup.sh calls a system's packages, where that is not the system's own name.
SETUP = {"tensorflow-quantize": "tensorflow", "onnxruntime-tools": "onnxruntime"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("system", nargs="?", choices=sorted(SYSTEMS))
    parser.add_argument("--seed", type=int, default=0, help="what the data is drawn from (default 0)")
    parser.add_argument("--out", help="the folder to write")
    parser.add_argument("--list", action="store_true", help="list the systems")
    args = parser.parse_args()
    if args.list:
        for name, (environment, what) in SYSTEMS.items():
            there = (HERE / ".venv" / environment).is_dir()
            print(f"{name:20} {what}" + ("" if there else f"   (first: setup.sh {SETUP.get(name, name)})"))
        return 0
    if args.system is None or args.out is None:
        parser.error("a system and --out are needed, or --list")
    python = HERE / ".venv" / SYSTEMS[args.system][0] / "bin" / "python"
    if python.exists() and pathlib.Path(sys.prefix) != python.parent.parent:
        os.execv(python, [str(python), *sys.argv])
    try:
        module = importlib.import_module("systems." + args.system.replace("-", "_"))
    except ImportError as missing:
        print(f"capture.py: {missing}: run setup.sh {SETUP.get(args.system, args.system)}", file=sys.stderr)
        return 2
    from problems import Maker

    folder = module.capture(args.out, args.seed, Maker(args.seed))
    print(f"{folder.write()} files in {args.out}")
    if folder.refused:
        first = folder.refused[0]
        print(f"{len(folder.refused)} problems refused, first {first['engine']}, {first['what']}: {first['error']}")
    return 0 if folder.files else 1


sys.exit(main())
