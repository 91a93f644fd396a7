#!/usr/bin/env python3
"""Copies captured vectors that the reference can check into golden/captures/.

Usage: scripts/copy_captures.py ../shared/upstream

Files are copied as they are; each folder's manifest.json is reduced to the
copied files and to what says where they come from. What no reference op or
profile covers stays behind.
"""

import json
import pathlib
import re
import shutil
import sys

# system folder -> files to copy (a regular expression over the path inside it)
COVERED = {
    "torch-2.15": r"quantize/(pt_|pc_|decomposed_)|dequantize/|casts/|observers/"
    r"|ops/",
    # of the growing histograms those of few bins, and one request
    "torch-debian-1.13": r"quantize/(pt_|pc_)|dequantize/"
    r"|observers/(inputs|choose_qparams|MinMax|HistogramObserver_(bins|quint8_aff_rr0))"
    r"|ops/",
    "onnxruntime": r"quantize/p[tc]_(u8|i8|u4|i4)_|quantize/pt_[ui]16_s0\.1_|quantize/(blocked_|fp8_\w+_s0\.1\.)"
    r"|dequantize/(u8|i8|i32|u16)_|dynamic/|qparams/"
    r"|calibrators/(inputs|entropy|percentile)"
    r"|ops/(MatMulInteger|QLinearMatMul|QLinearConv|ConvInteger|QLinearAdd|QLinearMul|QDQ_QLinear(Add|Mul)"
    r"|QLinear(Global)?AveragePool|QLinearSigmoid|DynamicQuantizeMatMul|MatMulNBits)",
    # the casts that CastLike and expanded models repeat stay behind
    "onnx-node-tests": r"test_(?!castlike|\w*expanded)",
    "torchao": r"affine/\w+_(pc|g8)_(u4|i4|i8)|configs/(Int8|Intx|Float8)|pt2e/",
    "litert-2.3.0": r"(de|re)?quantize/|ops/",
    # LiteRT has the rest, and the same values
    "tf-2.21-lite": r"ops/BATCH_MATMUL_i8",
    "tf-2.21-converter": r"inputs|convert/(?!float)",
    "onnxruntime-tools-1.32.0": r"quantize_data/(?!min_real)|nbits/|blocked",
    "nvidia-pytorch-quantization": r"inputs|max|hist_|fake",
    "nni-3.0": r"bnn/|qparams/|clamp_round/|lsqplus/|lsq/|dorefa/",
    "distiller": r"inputs|q_utils",
    "distiller-d859fc8": r"quantize/|range_linear/|clipped/|ptq/|scale_approx",
    "tensorflow": r"fakequant/|quantizeV2/|qdq_|tfmot",
    "coremltools": r"input|linear/|palette/",
    "qkeras-0.9.0": r"(?!quantized_ulaw)",
    "qkeras-git-78ea90f": r"",
    "mxnet": r"inputs|entropy|quantize|requantize|qfc",
    "caffe-int8-convert-tools": r"inputs|kl|weights",
    "paddle": r"inputs|AbsmaxQuantizer|KLQuantizer|cal_kl_threshold",
    "paddle-3.3.1-ops": r"",
    "paddleslim-2.6.0": r"inputs|observers/|weight/absmax|lsq/",
    # without the two largest tensors
    "tosa-ref": r"(?!rescale_(37x21x17|15x37x49))",
    "tosa-tools-2026.8.0": r".*acci32|matmul_\w+i8xi8",
    "models/digits-cnn-torch": r"data|float_weights|observed/|\w+/(graph|weights|tensors)",
    "models/minilm-l6-torch": r"",
    "models/ppocr-cls-onnxruntime": r"(?!graph/|softmax/|matmul/)",
    "models/ppocr-det-onnxruntime": r"(?!hardswish/|resize2d/)",
    "models/ppocr-rec-onnxruntime": r"(?!hardswish/|softmax/|matmul/)",
}

PROVENANCE = (
    "system version python machine cpu numpy torch scipy onnx torchao sklearn install engine engines model"
    " quantization torch_version seed text"
).split()


def copy(source: pathlib.Path, target: pathlib.Path, pattern: str) -> int:
    manifest = json.loads((source / "manifest.json").read_text())
    kept = [entry for entry in manifest["files"] if re.match(pattern, entry["file"])]
    total = 0
    for entry in kept:
        to = target / entry["file"]
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / entry["file"], to)
        total += to.stat().st_size
        # TOSA: the graph that was run.
        graph = (source / entry["file"]).with_suffix(".tosa")
        if graph.exists():
            shutil.copyfile(graph, to.with_suffix(".tosa"))
            total += graph.stat().st_size
        # ONNX's node tests: the model of one node.
        model = (source / entry["file"]).with_name("model.onnx")
        if model.exists():
            shutil.copyfile(model, to.with_name("model.onnx"))
            total += model.stat().st_size
    head = {key: manifest[key] for key in PROVENANCE if key in manifest}
    lines = ",\n".join(json.dumps(entry) for entry in kept)
    text = json.dumps(head, indent=1)[:-2] + ',\n "files": [\n' + lines + "\n]}\n"
    json.loads(text)
    (target / "manifest.json").write_text(text)
    return total + len(text)


def main() -> None:
    upstream = pathlib.Path(sys.argv[1])
    captures = pathlib.Path(__file__).resolve().parent.parent / "golden" / "captures"
    for folder, pattern in COVERED.items():
        target = captures / folder
        shutil.rmtree(target, ignore_errors=True)
        size = copy(upstream / folder, target, pattern)
        print(f"{folder}: {size / 1e6:.1f} MB")


main()
