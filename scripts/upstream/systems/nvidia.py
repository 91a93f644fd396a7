"""NVIDIA's Model Optimizer, which goes on with pytorch-quantization: its calibrators,
and its fake quantizer where no GPU's kernel stands for it.
"""

import warnings
from importlib.metadata import version

warnings.filterwarnings("ignore")

import numpy as np
import torch
from modelopt.torch.quantization import calib, tensor_quant

from fakes import around, fake_quantize, limits, results
from form import Folder
from problems import Maker, Problem

RANGES = {(8, False, True): (-127, 127), (8, False, False): (-128, 127), (8, True, True): (0, 255), (4, False, True): (-7, 7)}


class Capture:
    def __init__(self, folder: Folder, maker: Maker):
        self.folder, self.maker = folder, maker

    def fake(self) -> None:
        for (bits, unsigned, narrow), codes in RANGES.items():
            for greatest in (1.0, 12.7, 127.0, float(np.float32(self.maker.rng.random() * 5 + 0.1)), 1e-9):
                x = around(self.maker, greatest / codes[1], 0, codes)
                x = np.abs(x) if unsigned else x
                given = (torch.from_numpy(x), torch.tensor(greatest), bits, unsigned, narrow)
                y = tensor_quant._tensor_quant(*given)
                p = fake_quantize(x, codes, limits(-greatest, greatest, True), what=f"{bits} bits")
                self.folder.add("fake_tensor_quant", "nvidia-fake-quantize", p, results(values=y.numpy()))

    def calibrate(self, engine: str, calibrator: dict, batches: list, threshold) -> None:
        spec = {"calibrator": calibrator, "shape": list(batches[0].shape), "batches": len(batches)}
        p = Problem("calibrate", spec, batches, what=engine)
        self.folder.add(engine, "exact", p, np.float64(threshold).reshape(-1))

    def histogram(self, batches: list, bins: int, unsigned: bool) -> None:
        made = calib.HistogramCalibrator(8, None, unsigned, num_bins=bins)
        for batch in batches:
            made.collect(torch.from_numpy(batch))
        collect = {"abs_from_zero": {"bins": bins}}
        groups = 256 if unsigned else 128
        entropy = {"entropy_of_means": {"groups": groups, "start_bin": 128, "stride": 1}}
        if not unsigned or bins > 256:
            threshold = made.compute_amax("entropy")
            self.calibrate("entropy", {"histogram": {"collect": collect, "choose": entropy}}, batches, threshold)
        for percent in (99.0, 99.9, 99.99):
            threshold = made.compute_amax("percentile", percentile=percent)
            choose = {"percentile": {"percent": percent}}
            self.calibrate("percentile", {"histogram": {"collect": collect, "choose": choose}}, batches, threshold)

    def greatest(self, batches: list) -> None:
        for axis in (None, 0, 1):
            made = calib.MaxCalibrator(8, axis, False)
            for batch in batches:
                made.collect(torch.from_numpy(batch))
            self.calibrate("max", {"abs_max": {"axis": axis, "floor": 0.0}}, batches, made.compute_amax().numpy())


def capture(out: str, seed: int, maker: Maker) -> Folder:
    torch.set_num_threads(1)
    release = f"nvidia-modelopt {version('nvidia-modelopt')}, torch {torch.__version__}"
    folder = Folder(out, "nvidia", release, seed, "setup.sh nvidia")
    c = Capture(folder, maker)
    c.fake()
    for spreads in ([1.0], [1.0, 2.0, 1.5], [2.0, 1.0]):
        batches = [maker.values((5, 120), spread) for spread in spreads]
        c.greatest(batches)
        c.histogram(batches, 512, False)
        c.histogram([np.abs(batch) for batch in batches], 1024, True)
    return folder
