"""LiteRT, by the models of one op of `tflite`."""

from importlib.metadata import version

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from form import Folder
from problems import Maker
from systems import tflite


def capture(out: str, seed: int, maker: Maker) -> Folder:
    folder = Folder(out, "litert", version("ai-edge-litert"), seed, "pip install ai-edge-litert numpy")
    return tflite.capture(folder, maker, schema, Interpreter, OpResolverType)
