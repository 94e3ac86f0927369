/* Functions of one file for processors that have more than the compiler was told of.
 *
 *   TARGET_BEGIN("avx2,aes")
 *   ... functions that use intrinsics ...
 *   TARGET_END
 *
 * CARDOS_X86_64 is defined where this works. */
#ifndef CARDOS_X86_H
#define CARDOS_X86_H

#if defined(__x86_64__) || defined(_M_X64)
#define CARDOS_X86_64
#include <immintrin.h>

#define TARGET_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define TARGET_BEGIN(names) TARGET_PRAGMA(clang attribute push(__attribute__((target(names))), apply_to = function))
#define TARGET_END TARGET_PRAGMA(clang attribute pop)
#elif defined(__GNUC__)
#define TARGET_BEGIN(names) TARGET_PRAGMA(GCC push_options) TARGET_PRAGMA(GCC target(names))
#define TARGET_END TARGET_PRAGMA(GCC pop_options)
#else /* intrinsics need no permission */
#define TARGET_BEGIN(names)
#define TARGET_END
#endif

/* `vector` is computed as it is written: GCC would sort the terms of a sum anew, and bring early ones behind the late. */
#ifdef __GNUC__
#define IN_THIS_ORDER(vector) __asm__("" : "+x"(vector))
#else
#define IN_THIS_ORDER(vector)
#endif

#endif

#endif
