/* Planes of 256 lanes: AVX2. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core.h"
#include "dispatch.h"
#include "x86.h"

#if defined(CARDOS_X86_64) && defined(__GNUC__)
TARGET_BEGIN("avx2,bmi2")
#define PLANE_BITS 256
#define PLANE_AVX2
#define LEVEL level_avx2
#include "level.h"
TARGET_END
#endif
