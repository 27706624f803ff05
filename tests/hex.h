/* Bytes written as hex in test rows: "0017 0000 ffffffff"; blanks and the '|' behind a header are skipped. */
#ifndef CAPLAY_TESTS_HEX_H
#define CAPLAY_TESTS_HEX_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Returns how many bytes it wrote to out. */
static inline size_t unhex(const char *hex, uint8_t *out)
{
    size_t n = 0;
    unsigned byte;
    for (; *hex != '\0'; hex++)
        if (*hex != ' ' && *hex != '|' && sscanf(hex, "%2x", &byte) == 1) {
            out[n++] = (uint8_t)byte;
            hex++;
        }
    return n;
}

#endif
