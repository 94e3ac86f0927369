/* The instructions of AVX-512 that planes use by name; everything else of that level is left to the compiler's vectors.
 *
 *   PLANE_LUT3(a, b, c, table)    any function of three planes: bit 4 a + 2 b + c of `table` (AVX-512F)
 *   PLANE_AFFINE(bytes, matrix, constant)    each byte times a matrix of bits, XOR a constant; PLANE_AFFINEINV: its inverse in
 *       the field of AES first (GFNI)
 *   PLANE_PICK(bytes, index)      byte i of the result is bytes[index[i] % 64] (VBMI)
 *   PLANE_PICK2(low, high, index) the same from 128 bytes
 */
#ifndef CARDOS_PLANE_AVX512_H
#define CARDOS_PLANE_AVX512_H

#include <immintrin.h>

#define PLANE_LUT3(a, b, c, table) ((plane)_mm512_ternarylogic_epi64((__m512i)(a), (__m512i)(b), (__m512i)(c), table))
#define PLANE_AFFINE(bytes, matrix, constant) \
    ((plane)_mm512_gf2p8affine_epi64_epi8((__m512i)(bytes), (__m512i)(matrix), constant))
#define PLANE_AFFINEINV(bytes, matrix, constant) \
    ((plane)_mm512_gf2p8affineinv_epi64_epi8((__m512i)(bytes), (__m512i)(matrix), constant))
#define PLANE_PICK(bytes, index) ((plane_bytes)_mm512_permutexvar_epi8((__m512i)(index), (__m512i)(bytes)))
#define PLANE_PICK2(low, high, index) \
    ((plane_bytes)_mm512_permutex2var_epi8((__m512i)(low), (__m512i)(index), (__m512i)(high)))

#endif
