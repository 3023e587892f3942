"""The structures of api.h and layout.h as ctypes has them, and each function's signature. Nothing else."""

import ctypes
from ctypes import POINTER, c_char_p, c_float, c_int, c_int32, c_int64, c_size_t, c_void_p

import numpy as np

MAX_HEAD_DIM = 256
MAX_STEP_ROWS = 1024

# Type in kernels.h; NumPy has no bfloat16, so its bits stand for it
TYPES = {np.dtype(np.float32): 0, np.dtype(np.uint16): 1, np.dtype(np.float16): 2}


class MatrixFields(ctypes.Structure):
    _fields_ = (
        ("packed", c_void_p),
        ("rows", c_int32),
        ("columns", c_int32),
        ("bits", c_int32),
        ("is_pair", c_int32),
    )


class Rows(ctypes.Structure):
    _fields_ = (("numbers", c_void_p), ("stride", c_int64), ("type", c_int32))


class LayerCacheFields(ctypes.Structure):
    _fields_ = (
        ("keys", c_void_p),
        ("values", c_void_p),
        ("kv_heads", c_int32),
        ("head_dim", c_int32),
        ("capacity", c_int32),
    )


class HeadRows(ctypes.Structure):
    _fields_ = (
        ("numbers", c_void_p),
        ("head_stride", c_int64),
        ("stride", c_int64),
        ("type", c_int32),
    )


class LayerFields(ctypes.Structure):
    _fields_ = (
        ("qkv", MatrixFields),
        ("output", MatrixFields),
        ("gate_up", MatrixFields),
        ("down", MatrixFields),
        ("attention_norm", c_void_p),
        ("mlp_norm", c_void_p),
        ("qkv_bias", c_void_p),
        ("output_bias", c_void_p),
        ("gate_bias", c_void_p),
        ("up_bias", c_void_p),
        ("down_bias", c_void_p),
        ("q_norm", c_void_p),
        ("k_norm", c_void_p),
        ("window", c_int32),
    )


class NetworkFields(ctypes.Structure):
    _fields_ = (
        ("vocab_size", c_int32),
        ("dim", c_int32),
        ("layers_count", c_int32),
        ("heads", c_int32),
        ("kv_heads", c_int32),
        ("head_dim", c_int32),
        ("ffn_dim", c_int32),
        ("norm_eps", c_float),
        ("attention_scale", c_float),
        ("embedding_multiplier", c_float),
        ("residual_multiplier", c_float),
        ("logits_divisor", c_float),
        ("rope_magnitude", c_float),
        ("rope_frequencies", c_void_p),
        ("final_norm", c_void_p),
        ("table", MatrixFields),
        ("head", MatrixFields),
        ("layers", POINTER(LayerFields)),
    )


class StepCall(ctypes.Structure):
    _fields_ = (
        ("tokens", c_void_p),
        ("count", c_int32),
        ("position", c_int32),
        ("last", c_int32),
        ("caches", POINTER(LayerCacheFields)),
        ("logits", c_void_p),
    )


_CACHE = (
    c_void_p,
    POINTER(LayerCacheFields),
    c_int,
    c_int,
    POINTER(HeadRows),
    POINTER(HeadRows),
)
# name: what it returns, what it takes
SIGNATURES = {
    "native_kernels_name": (c_char_p, (c_int,)),
    "native_kernels": (c_void_p, (c_char_p,)),
    "native_set_threads": (None, (c_int,)),
    "native_threads": (c_int, ()),
    "native_packed_bytes": (c_size_t, (POINTER(MatrixFields),)),
    "native_pack": (c_int, (c_void_p, POINTER(MatrixFields), c_int, POINTER(Rows), c_void_p)),
    "native_unpack": (c_int, (c_void_p, POINTER(MatrixFields), c_int, c_int, c_int, POINTER(Rows))),
    "native_multiply": (
        c_int,
        (c_void_p, POINTER(MatrixFields), c_void_p, c_int, c_void_p, c_int, c_void_p),
    ),
    "native_write_cache": (c_int, _CACHE),
    "native_read_cache": (c_int, _CACHE),
    "native_new_step": (c_void_p, (c_void_p, POINTER(NetworkFields), c_int, c_int)),
    "native_free_step": (None, (c_void_p,)),
    "native_run_step": (c_int, (c_void_p, POINTER(StepCall))),
}
