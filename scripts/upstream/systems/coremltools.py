"""coremltools' compression of weights: linear quantization and uniform palettes."""

import logging
import warnings

import coremltools as ct
import numpy as np
from coremltools.converters.mil import Builder as mb
from coremltools.optimize import coreml as optimize

from fakes import fake_quantize, measured, results
from form import Folder
from problems import Maker

RANGES = {"int8": (-128, 127), "uint8": (0, 255), "int4": (-8, 7), "uint4": (0, 15)}


def model(weight: np.ndarray):
    """A program of one linear layer."""

    @mb.program(input_specs=[mb.TensorSpec(shape=(1, weight.shape[1]))], opset_version=ct.target.iOS18)
    def program(x):
        return mb.linear(x=x, weight=weight, bias=np.zeros(weight.shape[0], np.float32), name="y")

    skipped = ct.PassPipeline.EMPTY
    return ct.convert(
        program,
        convert_to="mlprogram",
        pass_pipeline=skipped,
        compute_precision=ct.precision.FLOAT32,
        minimum_deployment_target=ct.target.iOS18,
        skip_model_load=True,
    )


def stored(compressed, kind: str):
    """The operands and the result of the op that stands for the weight."""
    program = compressed._mil_program.functions["main"]
    [op] = program.find_ops(op_type=kind)
    held = {name: var.val for name, var in op.inputs.items() if var is not None and hasattr(var, "val")}
    return held, op.outputs[0].val if op.outputs[0].val is not None else op.materialized_val_inference()


class Capture:
    def __init__(self, folder: Folder, maker: Maker):
        self.folder, self.maker = folder, maker

    def linear(self, weight, mode: str, kind: str, granularity: str, block: int) -> None:
        given = {"mode": mode, "dtype": kind, "granularity": granularity, "weight_threshold": 0}
        if granularity == "per_block":
            given["block_size"] = block
        config = optimize.OptimizationConfig(global_config=optimize.OpLinearQuantizerConfig(**given))
        made = optimize.linear_quantize_weights(model(weight), config)
        held, values = stored(made, "constexpr_blockwise_shift_scale")
        scales, offset = np.asarray(held["scale"]), held.get("offset")
        low, high = RANGES[kind]
        symmetric = mode == "linear_symmetric"
        codes = (low, high - symmetric) if kind.startswith("u") else (low + symmetric, high)
        # Blocks lie along the last axis: each has a row of its own.
        rows = (scales.size, weight.size // scales.size)
        x = weight.reshape(rows)
        p = fake_quantize(x, codes, measured(symmetric), 0, what=f"{mode} {kind} {granularity}")
        zeros = None if offset is None else np.asarray(offset).astype(np.float32)
        codes = np.asarray(held["data"]).astype(np.float32).reshape(rows)
        given = results(values=np.asarray(values).reshape(rows), codes=codes, factors=scales, zero_points=zeros)
        self.folder.add("linear", "coremltools-linear", p, given)

    def palette(self, weight, bits: int) -> None:
        config = optimize.OpPalettizerConfig(mode="uniform", nbits=bits, weight_threshold=0)
        made = optimize.palettize_weights(model(weight), optimize.OptimizationConfig(global_config=config))
        held, values = stored(made, "constexpr_lut_to_dense")
        p = fake_quantize(weight, (0, 2**bits - 1), measured(False, False), what=f"uniform palette of {bits} bits")
        codes = np.asarray(held["indices"]).astype(np.float32)
        self.folder.add("palette", "coremltools-palette", p, results(values=values, codes=codes))


def weights(maker: Maker):
    """Weights with channels of few steps, of one sign, of zeros, and with ties."""
    plain = maker.values((8, 64), 0.5)
    edges = maker.values((8, 64))
    edges[0], edges[1], edges[2] = 0, np.abs(edges[1]), -np.abs(edges[2]) - 1
    edges[3] *= 1e-6
    edges[4, 0], edges[4, 1:] = 127 / 64, (maker.rng.integers(-127, 127, 63) + 0.5) / 64
    return plain, edges


def capture(out: str, seed: int, maker: Maker) -> Folder:
    warnings.filterwarnings("ignore")
    logging.getLogger("coremltools").setLevel(logging.ERROR)
    folder = Folder(out, "coremltools", ct.__version__, seed, "pip install coremltools scikit-learn")
    c = Capture(folder, maker)
    for weight in weights(maker):
        for mode in ("linear_symmetric", "linear"):
            for kind in RANGES:
                for granularity, block in (("per_tensor", 0), ("per_channel", 0), ("per_block", 16)):
                    c.linear(weight, mode, kind, granularity, block)
        for bits in (2, 4, 6, 8):
            c.palette(weight, bits)
    return folder
