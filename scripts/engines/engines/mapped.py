"""What the engines share: a problem of `scripts/upstream` made of a request, and the
answer of one engine taken out of a capture's calls."""

import numpy as np
from form import cpu
from problems import Problem

from qassay_worker import Unsupported

VNNI = any(feature in cpu()["features"] for feature in ("avx512_vnni", "avx_vnni"))


class Sink:
    """Stands where a capture's folder stands, and keeps what one engine gives."""

    def __init__(self, engines):
        self.engines, self.cpu, self.outputs = set(engines), cpu(), None

    def has(self, *features: str) -> bool:
        return any(feature in self.cpu["features"] for feature in features)

    def attempt(self, engine, profile, problem, run) -> None:
        if engine in self.engines:
            self.outputs = run()

    def add(self, engine, profile, problem, outputs) -> None:
        if engine in self.engines:
            self.outputs = outputs

    def take(self):
        outputs, self.outputs = self.outputs, None
        if outputs is None:
            raise RuntimeError(f"the capture asked none of {', '.join(sorted(self.engines))}")
        return outputs


class Mapping:
    """An engine. A method for each op checks a spec and gives the call that runs a problem."""

    ops: tuple = ()

    def prepare(self, op, spec, weights, bias):
        # Copies: what arrives in a frame cannot be written to, which some engines insist on.
        weights, bias = (None if x is None else np.array(x) for x in (weights, bias))
        call = getattr(self, op)(Problem(op, spec, [], weights, bias))

        def run(*inputs):
            return call(Problem(op, spec, [np.array(x) for x in inputs], weights, bias))

        return run


def need(condition, why: str) -> None:
    """Refuses what the engine lacks."""
    if not condition:
        raise Unsupported(why)


def channels(granularity: dict) -> bool:
    return "per_channel" in granularity
