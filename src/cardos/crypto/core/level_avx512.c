/* Planes of 512 lanes: AVX-512 with VBMI and GFNI. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core.h"
#include "dispatch.h"
#include "x86.h"

#if defined(CARDOS_X86_64) && defined(__GNUC__)
#ifdef AVX512_MODEL /* tests run this file on machines without AVX-512, with its instructions in plain C */
TARGET_BEGIN("avx2,bmi2")
#include AVX512_MODEL
#else
TARGET_BEGIN("avx2,bmi2,avx512f,avx512bw,avx512vl,avx512vbmi,gfni")
#include "plane_avx512.h"
#endif
#define CIRCUITS_LUT3
#define PLANE_BITS 512
#define PLANE_AVX2
#define PLANE_AVX512
#define LEVEL level_avx512
#include "level.h"
TARGET_END
#endif
