"""Which GPU is here, asked of the driver without any CUDA package."""

from __future__ import annotations

import ctypes

CAPABILITY_MAJOR, CAPABILITY_MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_...


def gpu_architecture() -> str | None:
    """Of the first GPU, as in 'sm89'; None where there is none."""
    try:
        cuda = ctypes.CDLL('libcuda.so.1')
    except OSError:
        return None
    device, values = ctypes.c_int(), (ctypes.c_int(), ctypes.c_int())
    if cuda.cuInit(0) or cuda.cuDeviceGet(ctypes.byref(device), 0):
        return None
    for value, attribute in zip(values, (CAPABILITY_MAJOR, CAPABILITY_MINOR), strict=True):
        if cuda.cuDeviceGetAttribute(ctypes.byref(value), attribute, device):
            return None
    return f'sm{values[0].value}{values[1].value}'
