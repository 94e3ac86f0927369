/* Overwrite a secret that is no longer needed; the compiler may not leave it out. */
#ifndef CARDOS_WIPE_H
#define CARDOS_WIPE_H

#include <stddef.h>
#include <string.h>

static inline void wipe(void *memory, size_t size)
{
#ifdef __GNUC__
    memset(memory, 0, size);
    __asm__ volatile("" : : "r"(memory) : "memory");
#else
    volatile unsigned char *byte = memory;
    while (size--)
        *byte++ = 0;
#endif
}

#endif
