"""Writes captures in the documented form (golden/SCHEMA.md, "Captures").

One `.npz` for each problem and engine; the manifest says which system, which
version, which CPU, and the whole op of each file.
"""

import json
import pathlib
import platform

import numpy as np


def cpu() -> dict:
    """Model and instruction sets of this CPU: what a library's kernels are chosen by."""
    found = {"model": platform.processor() or platform.machine(), "features": []}
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return found
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model"):
            found["model"] = value.strip()
        if key.strip() in ("flags", "Features") and not found["features"]:
            found["features"] = sorted(value.split())
    return found


class Folder:
    """A folder of captures that grows by `add` and is finished by `write`."""

    def __init__(self, out: str, system: str, version: str, seed: int, install: str):
        self.out = pathlib.Path(out)
        self.out.mkdir(parents=True, exist_ok=True)
        self.cpu = cpu()
        self.head = {
            "system": system,
            "version": version,
            "install": install,
            "seed": seed,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "machine": platform.machine(),
            "cpu": self.cpu,
        }
        self.files, self.refused = [], []

    def has(self, *features: str) -> bool:
        """Whether the CPU has one of these instruction sets."""
        return any(feature in self.cpu["features"] for feature in features)

    def attempt(self, engine: str, profile: str | None, problem, run) -> None:
        """What `run` gives; a version that refuses the problem is noted in the manifest."""
        try:
            outputs = run()
        except Exception as error:  # whatever a system raises
            line = (str(error).splitlines() or [repr(error)])[0]
            self.refused.append({"engine": engine, "what": problem.what, "op": problem.op, "error": line})
        else:
            self.add(engine, profile, problem, outputs)

    def add(self, engine: str, profile: str | None, problem, outputs) -> None:
        """What `engine` gave for `problem`; `profile` is what it is held to, None if that is unknown.
        An output that is None was not captured."""
        if not isinstance(outputs, (list, tuple)):
            outputs = [outputs]
        arrays = {f"input{i}": x for i, x in enumerate(problem.inputs)}
        if problem.weights is not None:
            arrays["weights"] = problem.weights
        if problem.bias is not None:
            arrays["bias"] = problem.bias
        arrays |= {f"output{i}": y for i, y in enumerate(outputs) if y is not None}
        arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        file = f"{problem.op}/{len(self.files):04}_{engine}.npz"
        path = self.out / file
        path.parent.mkdir(exist_ok=True)
        np.savez_compressed(path, **arrays)
        entry = {"file": file, "what": problem.what, "engine": engine}
        if profile is not None:
            entry["profile"] = profile
        entry |= {
            "op": problem.op,
            "spec": {problem.op: problem.spec},
            "arrays": {name: [str(a.dtype), list(a.shape)] for name, a in arrays.items()},
        }
        self.files.append(entry)

    def write(self) -> int:
        """The manifest; gives the number of files."""
        text = json.dumps(self.head | {"refused": self.refused}, indent=1)[:-2] + ',\n "files": [\n'
        text += ",\n".join(json.dumps(entry) for entry in self.files) + "\n]}\n"
        (self.out / "manifest.json").write_text(text)
        return len(self.files)
