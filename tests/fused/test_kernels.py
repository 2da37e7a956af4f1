"""Every CUDA source compiles: NVRTC needs neither a driver nor a GPU. Nothing runs here."""

import ctypes
import importlib.util
import inspect
import pathlib
import re

import pytest

from minitransformer import functional
from minitransformer.fused import gpu
from minitransformer.fused.kernels import REALS, SOURCES, source

ARCHITECTURES = ("compute_70", "compute_90")


def nvrtc():
    """NVIDIA's run-time compiler from the package nvidia-cuda-nvrtc-cu12, or None."""
    spec = importlib.util.find_spec("nvidia")
    for place in spec.submodule_search_locations if spec else ():
        for path in sorted(pathlib.Path(place, "cuda_nvrtc", "lib").glob("libnvrtc.so.*")):
            return ctypes.CDLL(str(path))
    return None


LIBRARY = nvrtc()
needs_nvrtc = pytest.mark.skipif(
    LIBRARY is None, reason="no NVRTC: nvidia-cuda-nvrtc-cu12 is for Linux and Windows on x86-64"
)


def compiled(text, architecture):
    """PTX code of a CUDA source; ValueError with the compiler's log where it is wrong."""
    program = ctypes.c_void_p()
    assert LIBRARY.nvrtcCreateProgram(
        ctypes.byref(program), text.encode(), b"kernel.cu", 0, None, None
    ) == 0  # fmt: skip
    options = (f"--gpu-architecture={architecture}".encode(), b"--fmad=false")
    status = LIBRARY.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * 2)(*options))
    sort = "PTX" if status == 0 else "ProgramLog"
    size = ctypes.c_size_t()
    getattr(LIBRARY, f"nvrtcGet{sort}Size")(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    getattr(LIBRARY, f"nvrtcGet{sort}")(program, buffer)
    LIBRARY.nvrtcDestroyProgram(ctypes.byref(program))
    if status:
        raise ValueError(buffer.value.decode())
    return buffer.value.decode()


@needs_nvrtc
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("name", SOURCES)
def test_a_kernel_compiles(name, dtype, architecture):
    ptx = compiled(source(name, dtype), architecture)
    assert f".entry {name}(" in ptx
    assert (".f64" in ptx) == (dtype == "d"), "float arithmetic must not slip into double"


@needs_nvrtc
def test_a_wrong_kernel_is_refused_with_the_compilers_words():
    wrong = source("gelu", "f").replace("y[i] =", "z[i] =")
    with pytest.raises(ValueError, match='identifier "z" is undefined'):
        compiled(wrong, ARCHITECTURES[0])


@pytest.mark.parametrize("name", gpu.FASTER)
def test_a_fused_function_has_the_signature_of_its_plain_twin(name):
    assert inspect.signature(gpu.FASTER[name]) == inspect.signature(getattr(functional, name))


@pytest.mark.parametrize("name", SOURCES)
def test_a_kernel_names_itself_and_its_parameters_once(name):
    (parameters,) = re.findall(rf'extern "C" __global__ void {name}\(([^)]*)\)', SOURCES[name])
    names = [p.split()[-1].lstrip("*") for p in parameters.split(",")]
    assert len(set(names)) == len(names)
