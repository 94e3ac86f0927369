#include "dispatch.h"

#include "x86.h"

/* A level, what it needs of the processor beyond what every one of its kind has, and whether it is there. */
typedef struct {
    const char *name;
    const char *needs;
    const plane_level *planes;
    int (*runs)(void);
} level;

static int always(void)
{
    return 1;
}

#if defined(CARDOS_X86_64) && defined(__GNUC__)
int has_aes(void)
{
    return __builtin_cpu_supports("aes");
}

static int has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
}

static int has_avx512(void)
{
#ifdef AVX512_MODEL /* tests */
    return has_avx2();
#else
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("gfni") &&
           has_avx2();
#endif
}
#else
int has_aes(void)
{
    return 0;
}
#endif

static const level LEVELS[] = {
    [LEVEL_PORTABLE] = {"portable", "any processor", &level_portable, always},
#ifdef CARDOS_VECTORS
    [LEVEL_V128] = {"v128", "SSE2 or NEON", &level_v128, always},
#else
    [LEVEL_V128] = {"v128", "a little-endian processor, and a build by GCC or Clang", NULL, NULL},
#endif
#if defined(CARDOS_X86_64) && defined(__GNUC__)
    [LEVEL_AVX2] = {"avx2", "an x86-64 processor with AVX2 and BMI2", &level_avx2, has_avx2},
    [LEVEL_AVX512] = {"avx512", "an x86-64 processor with AVX-512 (F, BW, VL, VBMI) and GFNI", &level_avx512, has_avx512},
#else
    [LEVEL_AVX2] = {"avx2", "an x86-64 processor, and a build by GCC or Clang", NULL, NULL},
    [LEVEL_AVX512] = {"avx512", "an x86-64 processor, and a build by GCC or Clang", NULL, NULL},
#endif
};

enum { LEVEL_COUNT = sizeof LEVELS / sizeof LEVELS[0] };

/* Chosen before the first use and then only read, so threads need no lock. */
static int chosen = -1;

static int runs(int index)
{
    return LEVELS[index].planes && LEVELS[index].runs();
}

const char *cardos_level_name(int index)
{
    return index >= 0 && index < LEVEL_COUNT ? LEVELS[index].name : NULL;
}

const char *cardos_level_needs(int index)
{
    return LEVELS[index].needs;
}

int cardos_level_runs(int index)
{
    return runs(index);
}

int cardos_level_in_use(void)
{
    if (chosen < 0) {
        int best = LEVEL_COUNT - 1;
        while (!runs(best))
            best--;
        chosen = best;
    }
    return chosen;
}

int cardos_use_level(int index)
{
    if (index < 0 || index >= LEVEL_COUNT || !runs(index))
        return 0;
    chosen = index;
    return 1;
}

const plane_level *planes_for(int cipher, size_t rows)
{
    const plane_level *planes = LEVELS[cardos_level_in_use()].planes;
    if (cipher == CARDOS_SM4)
        planes = planes->sm4;
    return rows >= planes->fewest ? planes : NULL;
}
