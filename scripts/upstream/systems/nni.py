"""NNI's quantizers: what they make of values, the gradient of the input, and scale
and zero point of tracked ranges. Its functions take a target space, of which only
the fields that they read are given.
"""

import types
from importlib.metadata import version

import numpy as np
import torch
from nni.compression.base import apply_method
from nni.compression.quantization import ptq_quantizer

from fakes import around, fake_quantize, given, results
from form import Folder
from problems import Maker, Problem

RANGES = {"int8": (-127, 127), "int4": (-7, 7), "int2": (-1, 1), "uint8": (0, 255), "uint4": (0, 15), "uint2": (0, 3)}


def space(codes, scale=None, zero_point=0.0, scheme=None):
    number = lambda value: None if value is None else torch.tensor([value], dtype=torch.float32)  # noqa: E731
    return types.SimpleNamespace(
        qmin=codes[0], qmax=codes[1], scale=number(scale), zero_point=number(zero_point), _scaler=None,
        quant_scheme=scheme, shape=None, type=None,
    )  # fmt: skip


class Capture:
    def __init__(self, folder: Folder, maker: Maker):
        self.folder, self.maker = folder, maker

    def gradient(self, p, profile: str, function, target_space) -> None:
        """The gradient of the input, for some gradient of the output."""
        upstream = self.maker.values(p.inputs[0].shape)
        x = torch.from_numpy(p.inputs[0]).requires_grad_()
        # Both are parameters there, and get gradients of their own.
        target_space.scale.requires_grad_()
        target_space.zero_point.requires_grad_()
        function(x, target_space).backward(torch.from_numpy(upstream))
        q = Problem("fake_quantize_gradient", p.spec, [p.inputs[0], upstream], what="gradient of the input")
        self.folder.add("torch", profile, q, x.grad.numpy())

    def quantizers(self, codes) -> None:
        clamp_round = lambda x, s: apply_method.ClampRound.apply(x, s)  # noqa: E731
        low, high = codes
        for zero in (low, high, (low + high + 1) // 2, float(self.maker.rng.random() * (high - low) + low)):
            scale = self.maker.scale(self.maker.rng.random() < 0.3)
            x = around(self.maker, scale, zero, codes)
            p = fake_quantize(x, codes, given(scale, np.float32(zero)), what=f"codes {codes}")
            for name, function, whole in (
                ("ClampRound", clamp_round, True),
                ("lsq_plus_clamp_round", apply_method.lsq_plus_clamp_round, False),
            ):
                if whole and zero != int(zero):
                    continue
                with torch.no_grad():
                    y = function(torch.from_numpy(x), space(codes, scale, zero)).numpy()
                self.folder.add(name, "nni", p, results(values=y))
                if not whole:
                    self.gradient(p, "nni", function, space(codes, scale, zero))
        scale = self.maker.scale()
        x = around(self.maker, scale, 0, codes)
        p = fake_quantize(x, codes, given(scale), what=f"codes {codes}")
        with torch.no_grad():
            y = apply_method.lsq_clamp_round(torch.from_numpy(x), space(codes, scale)).numpy()
        self.folder.add("lsq_clamp_round", "nni-lsq", p, results(values=y))
        self.gradient(p, "nni-lsq", apply_method.lsq_clamp_round, space(codes, scale))

    def dorefa(self, codes) -> None:
        """tanh, whose last bit is the C library's, is taken as the input."""
        scale, zero = np.float32(1) / np.float32(codes[1] - codes[0]), float(codes[0])
        method = apply_method.DoferaGradClampRound
        x = torch.from_numpy(self.maker.values(200))
        y = method.dorefa_clamp_round_weight(x, space(codes, scale, zero)).numpy()
        p = fake_quantize(x.tanh().numpy(), codes, given(scale, zero), domain="halved_unit", what="DoReFa, weights")
        self.folder.add("dorefa", "nni", p, results(values=y))
        x = around(self.maker, scale, zero, codes)
        y = method.dorefa_clamp_round_output(torch.from_numpy(x), space(codes, scale, zero)).numpy()
        p = fake_quantize(x, codes, given(scale, zero), domain="unit", what="DoReFa, outputs")
        self.folder.add("dorefa", "nni", p, results(values=y))

    def binary(self) -> None:
        x = np.append(self.maker.values(100), np.float32([0.0, -0.0, 1e-45, -1e-45, np.inf, -np.inf, np.nan]))
        y = apply_method.BNNClampRound.apply(torch.from_numpy(x), None).numpy()
        p = fake_quantize(x, (-1, 1), given(1), levels="signs", what="BNN")
        self.folder.add("bnn", "nni-bnn", p, results(values=y))

    def parameters(self, x, codes) -> None:
        for scheme in ("symmetric", "affine"):
            tracked = space(codes, scheme=scheme)
            tracked.tracked_min, tracked.tracked_max = torch.tensor([x.min()]), torch.tensor([x.max()])
            scale, zero = ptq_quantizer.compute_scale_zp(tracked)
            p = self.maker.choose(x, "s8" if codes[0] < 0 else "u8", list(codes), scheme == "symmetric")
            chosen = [scale.numpy().astype(np.float64), zero.numpy().astype(np.int32)]
            self.folder.add("compute_scale_zp", "nni", p, chosen)


def capture(out: str, seed: int, maker: Maker) -> Folder:
    release = f"nni {version('nni')}, torch {torch.__version__}"
    folder = Folder(out, "nni", release, seed, "setup.sh nni")
    c = Capture(folder, maker)
    for codes in RANGES.values():
        c.quantizers(codes)
        c.dorefa(codes)
        for x in maker.ranges():
            c.parameters(x, codes)
    c.binary()
    return folder
