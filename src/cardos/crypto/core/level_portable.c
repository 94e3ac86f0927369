/* Planes of 64 lanes: plain C11, any processor, any compiler. */
#define PLANE_BITS 64
#define LEVEL level_portable
#include "level.h"
