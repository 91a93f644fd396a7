"""torchao's affine primitives: quantize, dequantize, choose_qparams."""

import warnings
from importlib.metadata import version

import numpy as np
import torch
from torchao.quantization import quant_primitives as primitives

from form import Folder
from problems import Maker, scales

PLAIN = {"u8": torch.uint8, "s8": torch.int8}
LIMITS = {"u8": (0, 255), "s8": (-128, 127)}


class Capture:
    def __init__(self, folder: Folder):
        self.folder = folder

    def parameters(self, p, shape):
        """Scales, zero points, and the block that shares one pair."""
        scale, zero = scales(p.spec["granularity"])
        block = list(shape) if scale.ndim == 0 else [1, *shape[1:]]
        return torch.from_numpy(np.atleast_1d(scale)), torch.from_numpy(np.atleast_1d(zero)).int(), block

    def quantize(self, p) -> None:
        x, dtype = torch.from_numpy(p.inputs[0]), p.spec["dtype"]
        scale, zero, block = self.parameters(p, x.shape)
        low, high = p.spec["range"] or LIMITS[dtype]
        q = primitives.quantize_affine(x, block, scale, zero, PLAIN[dtype], low, high)
        self.folder.add("affine", "pytorch-scalar", p, q.numpy())

    def dequantize(self, p) -> None:
        q, dtype = torch.from_numpy(p.inputs[0]), p.spec["dtype"]
        scale, zero, block = self.parameters(p, q.shape)
        x = primitives.dequantize_affine(q, block, scale, zero, PLAIN[dtype], *LIMITS[dtype])
        self.folder.add("affine", "fbgemm", p, x.numpy())

    def choose(self, maker: Maker, x, dtype: str, symmetric: bool) -> None:
        kind = primitives.MappingType.SYMMETRIC if symmetric else primitives.MappingType.ASYMMETRIC
        given = {"eps": torch.finfo(torch.float32).eps, "zero_point_dtype": torch.int32}
        scale, zero = primitives.choose_qparams_affine(
            torch.from_numpy(x), kind, list(x.shape), PLAIN[dtype], *LIMITS[dtype], **given
        )
        problem = maker.choose(x, dtype, None, symmetric)
        chosen = [scale.numpy().astype(np.float64).reshape(1), zero.numpy().astype(np.int32).reshape(1)]
        self.folder.add("affine", "pytorch-observer", problem, chosen)


def capture(out: str, seed: int, maker: Maker) -> Folder:
    warnings.filterwarnings("ignore")
    release = f"torchao {version('torchao')}, torch {torch.__version__}"
    folder = Folder(out, "torchao", release, seed, "setup.sh torchao")
    c = Capture(folder)
    for dtype in ("u8", "s8"):
        for limits in (None, [0, 15] if dtype == "u8" else [-8, 7]):
            for _ in range(3):
                c.quantize(maker.quantize(dtype, limits=limits))
            c.quantize(maker.quantize_channels(dtype, limits=limits))
        for channels in (None, 3):
            c.dequantize(maker.dequantize(dtype, channels))
    for x in maker.ranges():
        c.choose(maker, x, "s8", True)
        for dtype in ("u8", "s8"):
            c.choose(maker, x, dtype, False)
    return folder
