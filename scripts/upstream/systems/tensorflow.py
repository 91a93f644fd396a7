"""TensorFlow's own TFLite runtime, by the models of one op of `tflite`."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

from form import Folder
from problems import Maker
from systems import tflite


def capture(out: str, seed: int, maker: Maker) -> Folder:
    folder = Folder(out, "tensorflow", tf.__version__, seed, "pip install tensorflow-cpu")
    resolver = tf.lite.experimental.OpResolverType
    return tflite.capture(folder, maker, schema, tf.lite.Interpreter, resolver)
