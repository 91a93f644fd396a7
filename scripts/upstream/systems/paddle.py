"""Paddle's post-training quantizers: greatest |x| and the entropy threshold."""

import types

import numpy as np
import paddle
from paddle.quantization.imperative.ptq_quantizer import AbsmaxQuantizer, KLQuantizer
from paddle.static.quantization.cal_kl_threshold import cal_kl_threshold

from form import Folder
from problems import Maker


def entropy(bins: int, whole: bool, width: str) -> dict:
    collect = {"abs_rescaled": {"bins": bins, "whole": whole}}
    choose = {"entropy_upper_half": {"bits": 8, "width": width}}
    return {"histogram": {"collect": collect, "choose": choose}}


def capture(out: str, seed: int, maker: Maker) -> Folder:
    folder = Folder(out, "paddle", paddle.__version__, seed, "pip install paddlepaddle")

    def add(engine: str, calibrator: dict, batches: list, threshold) -> None:
        spec = {"calibrator": calibrator, "shape": [batches[0].size], "batches": len(batches)}
        problem = maker.problem("calibrate", spec, batches, engine)
        folder.add(engine, "exact", problem, np.float64([threshold]))

    for number in range(6):
        spread = [0.5, 1.0, 2.0] if number % 2 else [2.0, 1.0]
        batches = [np.append(maker.values(400, s), np.float32(5 * s)) for s in spread]
        if number > 3:
            batches = [np.abs(batch) for batch in batches]
        for engine, quantizer, calibrator in (
            ("absmax", AbsmaxQuantizer(), {"abs_max": {"axis": None, "floor": 0.0}}),
            ("kl", KLQuantizer(), entropy(1024, False, "f64")),
        ):
            for batch in batches:
                quantizer.sample_data(types.SimpleNamespace(), (paddle.to_tensor(batch),))
            quantizer.cal_thresholds()
            add(engine, calibrator, batches, np.ravel(quantizer.thresholds)[0])
        # The function by itself, over the histogram of one batch.
        batch = np.abs(batches[0])
        hist, edges = np.histogram(batch, bins=2048, range=(0, float(batch.max())))
        add("cal_kl_threshold", entropy(2048, True, "f32"), [batch], cal_kl_threshold(hist, edges[1] - edges[0], 8))
    return folder
