"""The S-boxes as the standards print or define them: what every circuit is held to."""

from __future__ import annotations

# FIPS 46-3, Appendix 1: four rows of sixteen per box; row = outer two bits of the index, column = inner four.
_DES_TEXT = (
    "e4d12fb83a6c5907 0f74e2d1a6cb9538 41e8d62bfc973a50 fc8249175b3ea06d",
    "f18e6b34972dc05a 3d47f28ec01a69b5 0e7ba4d158c6932f d8a13f42b67c05e9",
    "a09e63f51dc7b428 d709346a285ecbf1 d6498f30b12c5ae7 1ad069874fe3b52c",
    "7de3069a1285bc4f d8b56f03472c1ae9 a690cb7df13e5284 3f06a1d8945bc72e",
    "2c417ab6853fd0e9 eb2c47d150fa3986 421bad78f9c5630e b8c71e2d6f09a453",
    "c1af92680d34e75b af427c9561de0b38 9ef528c3704a1db6 432c95fabe17608d",
    "4b2ef08d3c975a61 d0b7491ae35c2f86 14bdc37eaf680592 6bd814a7950fe23c",
    "d2846fb1a93e50c7 1fd8a374c56b0e92 7b419ce206adf358 21e74a8dfc90356b",
)


def des_box(box: int) -> list[int]:
    """The 64 values of DES S-box `box` (1..8), by its six input bits; the leftmost bit a1 weighs 32."""
    rows = [[int(digit, 16) for digit in row] for row in _DES_TEXT[box - 1].split()]
    return [rows[(x >> 5 & 1) * 2 + (x & 1)][x >> 1 & 15] for x in range(64)]


# SM4 (GB/T 32907): S(x) = A inv(A x + 0xD3) + 0xD3 over x^8 + x^7 + x^6 + x^5 + x^4 + x^2 + 1; A is a circulant matrix.
SM4_POLYNOMIAL = 0x1F5
SM4_CONSTANT = 0xD3
SM4_ROW = 0xA7
SM4_GENERATOR = 2


def sm4_multiply(x: int, y: int) -> int:
    """Product in the field of SM4."""
    product = 0
    for bit in range(8):
        if y >> bit & 1:
            product ^= x << bit
    for bit in range(14, 7, -1):
        if product >> bit & 1:
            product ^= SM4_POLYNOMIAL << bit - 8
    return product


def sm4_linear(x: int) -> int:
    """A x: output bit i is the parity of x under the row rotated left by i."""
    rows = [(SM4_ROW << i | SM4_ROW >> 8 - i) & 255 for i in range(8)]
    return sum(((x & row).bit_count() & 1) << i for i, row in enumerate(rows))


def sm4_box() -> list[int]:
    """The 256 values of the SM4 S-box."""
    # powers of a generator of the field's group: inverses are those that add up to 255
    powers, logarithms = [1], {1: 0}
    while len(powers) < 255:
        powers.append(sm4_multiply(powers[-1], SM4_GENERATOR))
        logarithms[powers[-1]] = len(powers) - 1
    inverse = [0, *(powers[-logarithms[x] % 255] for x in range(1, 256))]
    return [sm4_linear(inverse[sm4_linear(x) ^ SM4_CONSTANT]) ^ SM4_CONSTANT for x in range(256)]
