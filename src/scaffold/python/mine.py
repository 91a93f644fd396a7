"""A Qassay backend that supports nothing yet. qassay_worker.py says what everything means."""

from qassay_worker import Unsupported, serve


def prepare(op, spec, weights, bias):
    """Takes one op with its constants (numpy arrays or None); gives a function of its inputs."""
    if op == "linear":
        # Refuse what you do not have, by type or parameter, then give a function:
        #
        #     return lambda codes: compute(codes, weights, bias)
        raise Unsupported("linear is not written yet")
    raise Unsupported(f"{op} is not written yet")


serve(
    {
        "name": "mine",
        "isa": "any",
        "profile": "exact",  # `qassay list profiles`; or "unknown", and Qassay finds out
        "ops": ["linear", "quantize"],
    },
    prepare,
)
