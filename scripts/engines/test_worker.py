#!/usr/bin/env python3
"""Tests of qassay_worker.py: frames there and back, batches, refusals, and that what a
worker prints does not reach its frames. Run it with a Python that has numpy."""

import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

import numpy as np
from qassay_worker import Broken, Server, Unsupported, decode, encode, read_frame

HERE = pathlib.Path(__file__).resolve().parent
RELU = {"relu": {"shape": [4], "tensor": {"dtype": "u8", "qparams": {"scale": 1.0, "zero_point": 3}}}}


def prepare(op, spec, weights, bias):
    if op != "relu":
        raise Unsupported(f"no {op}")
    return lambda codes: codes.clip(spec["tensor"]["qparams"]["zero_point"])


class Frames(unittest.TestCase):
    def test_every_type_comes_back(self):
        tensors = {
            "u": np.arange(6, dtype=np.uint8).reshape(2, 3)[:, ::2],
            "i": np.int8([-128]),
            "w": np.int32(7).reshape(()),
            "f": np.float32([np.nan, -0.0, np.inf]),
            "d": np.zeros((3, 0), np.float64),
        }
        frame = encode({"run": {}}, tensors)
        message, back = decode(frame[8:])
        self.assertEqual(message, {"run": {}})
        self.assertEqual(struct.unpack("<Q", frame[:8])[0], len(frame) - 8)
        for name, array in tensors.items():
            self.assertEqual((back[name].dtype, back[name].shape), (array.dtype, array.shape))
            self.assertEqual(back[name].tobytes(), array.tobytes())

    def test_what_is_no_frame_is_told(self):
        class Stream:
            def __init__(self, data):
                self.data = data

            def read(self, count):
                if count > 1 << 30:
                    raise AssertionError("reads more than the limit")
                part, self.data = self.data[:count], self.data[count:]
                return part

        self.assertIsNone(read_frame(Stream(b"")))
        for data in (b"abc", struct.pack("<Q", 1 << 40), struct.pack("<Q", 9) + b"12"):
            self.assertRaises(Broken, read_frame, Stream(data))
        good = encode({}, {"a": np.uint8([1, 2])})[8:]
        for frame in (b"", struct.pack("<Q", 1 << 60) + b"{}", good[:-1]):
            self.assertRaises(Broken, decode, frame)


class Serving(unittest.TestCase):
    def test_a_batch_has_an_entry_for_each_case(self):
        server = Server({"name": "x"}, prepare)
        cases = [{"kernel": 5, "op": RELU}, {"kernel": 6, "op": {"tanh": {}}}, {"kernel": 7, "op": RELU}]
        answer, _ = server.answer({"prepare": {"cases": cases}}, {})
        kinds = [list(entry)[0] for entry in answer["prepared"]["cases"]]
        self.assertEqual(kinds, ["ready", "unsupported", "ready"])
        inputs = {"0.input.0": np.uint8([1, 9]), "2.input.0": np.uint8([2, 4])}
        runs = [{"kernel": 7}, {"kernel": 6}, {"kernel": 5}]
        answer, outputs = server.answer({"run": {"cases": runs}}, inputs)
        self.assertEqual([list(entry)[0] for entry in answer["ran"]["cases"]], ["done", "error", "done"])
        self.assertEqual({name: array.tolist() for name, array in outputs.items()},
                         {"0.output.0": [3, 9], "2.output.0": [3, 4]})  # fmt: skip
        self.assertIsNone(server.answer({"release": {"kernels": [5]}}, {}))
        answer, _ = server.answer({"run": {"cases": [{"kernel": 5}]}}, inputs)
        self.assertIn("error", answer["ran"]["cases"][0])

    def test_another_version_is_refused(self):
        answer, _ = Server({}, prepare).answer({"hello": {"protocols": [2, 3]}}, {})
        self.assertIn("refuse", answer)

    def test_what_a_worker_prints_stays_out_of_its_frames(self):
        source = (
            "import os\nfrom qassay_worker import serve\n"
            "def prepare(op, spec, weights, bias):\n"
            "    print('preparing'); os.system('echo from a child')\n"
            "    return lambda x: x\n"
            "serve({'name': 'x', 'isa': 'x', 'profile': 'exact', 'ops': ['relu']}, prepare)\n"
        )
        with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
            file.write(source)
            file.flush()
            given = encode({"hello": {"protocols": [1]}}, {})
            given += encode({"prepare": {"cases": [{"kernel": 0, "op": RELU}]}}, {})
            given += encode({"bye": {}}, {})
            done = subprocess.run([sys.executable, file.name], input=given, capture_output=True,
                                  env={"PYTHONPATH": str(HERE), "PATH": "/usr/bin:/bin"})  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"preparing", done.stderr)
        self.assertIn(b"from a child", done.stderr)
        first = struct.unpack("<Q", done.stdout[:8])[0]
        message, _ = decode(done.stdout[8 : 8 + first])
        self.assertIn("declare", message)
        message, _ = decode(done.stdout[16 + first :])
        self.assertIn("ready", message["prepared"]["cases"][0])


if __name__ == "__main__":
    unittest.main()
