/* Planes of 128 lanes: what every x86-64 (SSE2) and every 64-bit ARM (NEON) has, through the compiler's vectors. */
#include "dispatch.h"

#ifdef CARDOS_VECTORS
#define PLANE_BITS 128
#define LEVEL level_v128
#include "level.h"
#endif
