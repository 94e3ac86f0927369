"""Writes the C source of the Python module ``cardos.crypto._native``; CMake calls it with the output path.

The declarations come from core.h, between its two cffi marks.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from cffi import FFI

HEADER = Path(__file__).with_name("core.h")


def main(output: str) -> None:
    """Write the module's source to ``output``."""
    declarations = HEADER.read_text().partition("/* cffi: begin */")[2].partition("/* cffi: end */")[0]
    ffi = FFI()
    ffi.cdef(re.sub(r"/\*.*?\*/", "", declarations, flags=re.DOTALL))
    ffi.set_source("cardos.crypto._native", '#include "core.h"')
    ffi.emit_c_code(output)


if __name__ == "__main__":
    main(sys.argv[1])
