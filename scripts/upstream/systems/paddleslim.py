"""PaddleSlim's observers of activations and of weights, and its LSQ and LSQ+ quantizers."""

from importlib.metadata import version

import numpy as np
import paddle
from paddleslim.quant import observers as _  # noqa: F401  (loads the submodules)
from paddleslim.quant.observers import abs_max, abs_max_weight, avg, emd, hist, kl, mse
from paddleslim.quant.quanters import lsq_func

from fakes import around, fake_quantize, given, results
from form import Folder
from problems import Maker, Problem

BINS = 2048


def histogram(choose: dict) -> dict:
    return {"histogram": {"collect": {"rescaled": {"bins": BINS}}, "choose": choose}}


def calibrators(bits: int) -> dict:
    """Observer by name, and what it is held to."""
    return {
        "abs_max": (abs_max.AbsmaxObserverLayer, {"abs_max": {"axis": None, "floor": float(np.float32(1e-7))}}),
        "avg": (avg.AVGObserverLayer, "average_abs_max"),
        "mse": (mse.MSEObserverLayer, {"least_loss": {"loss": "squared_error", "bits": bits}}),
        "emd": (emd.EMDObserverLayer, {"least_loss": {"loss": "mean_and_deviation", "bits": bits}}),
        "hist": (hist.PercentHistObserverLayer, histogram({"percentile_bin": {"share": 0.999}})),
        "kl": (kl.KLObserverLayer, histogram({"entropy_upper_half": {"bits": bits, "width": "f64"}})),
    }


class Capture:
    def __init__(self, folder: Folder, maker: Maker):
        self.folder, self.maker = folder, maker

    def threshold(self, name: str, bits: int, batches: list) -> None:
        observer, calibrator = calibrators(bits)[name]
        spec = {"calibrator": calibrator, "shape": list(batches[0].shape), "batches": len(batches)}
        p = Problem("calibrate", spec, batches, what=f"{name}, {bits} bits")

        def run():
            layer = observer(paddle.nn.Linear(2, 2), quant_bits=bits)
            for batch in batches:
                layer(paddle.to_tensor(batch))
            layer.cal_thresholds()
            return np.float64([np.ravel(np.asarray(layer.scales()))[0]])

        self.folder.attempt(name, "exact", p, run)

    def weights(self, shape) -> None:
        """Channel by channel: columns of a matrix, filters of a kernel."""
        x = self.maker.values(shape)
        layer = paddle.nn.Linear(*shape) if len(shape) == 2 else paddle.nn.Conv2D(shape[1], shape[0], shape[2:])
        observer = abs_max_weight.AbsMaxChannelWiseWeightObserverLayer(layer, quant_bits=8)
        observer(paddle.to_tensor(x))
        spec = {"calibrator": {"abs_max": {"axis": int(observer.quant_axis()), "floor": 0.0}}, "shape": list(shape), "batches": 1}
        p = Problem("calibrate", spec, [x], what="weights, channel by channel")
        self.folder.add("abs_max_weight", "exact", p, np.asarray(observer.scales()).astype(np.float64))

    def learned(self, codes) -> None:
        scale, offset = self.maker.scale(), np.float32(self.maker.rng.standard_normal())
        x = around(self.maker, scale, 0, codes)
        with paddle.no_grad():
            alpha, beta = (paddle.to_tensor(v, dtype="float32") for v in (scale, offset))
            y = lsq_func.LsqFunc.apply(paddle.to_tensor(x), alpha, 1.0, *codes)
            p = fake_quantize(x, codes, given(scale), what="LSQ")
            self.folder.add("lsq", "paddleslim-lsq", p, results(values=y.numpy()))
            y = lsq_func.LsqPlusActFunc.apply(paddle.to_tensor(x), alpha, beta, 1.0, *codes)
            p = fake_quantize(x, codes, given(scale, lowest=offset), what="LSQ+")
            self.folder.add("lsq_plus", "paddleslim-lsq-plus", p, results(values=y.numpy()))


def capture(out: str, seed: int, maker: Maker) -> Folder:
    release = f"paddleslim {version('paddleslim')}, paddlepaddle {paddle.__version__}"
    folder = Folder(out, "paddleslim", release, seed, "setup.sh paddleslim")
    c = Capture(folder, maker)
    for bits in (8, 4):
        for number in range(4):
            spreads = [[1.0], [0.5, 2.0, 1.0], [2.0, 1.0], [0.1, 0.2]][number]
            batches = [maker.values((4, 100), spread) for spread in spreads]
            if number == 2:
                batches = [np.abs(batch) for batch in batches]
            for name in calibrators(bits):
                c.threshold(name, bits, batches)
    for shape in ((8, 16), (6, 4, 3, 3), (128, 6)):
        c.weights(shape)
    for codes in ((-128, 127), (-8, 7)):
        for _ in range(3):
            c.learned(codes)
    return folder
