/* One line of a twin: members are taken out of it one by one, and none may be left. The first fault is kept: file, line, member,
 * what was expected and what was found. */
#ifndef CAPLAY_TRACES_TWIN_LINE_H
#define CAPLAY_TRACES_TWIN_LINE_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

struct twin_line {
    json_t *members; /* owned */
    const char *file;
    uint64_t number;
    bool failed;
    struct diag *diag;
};

/* The line is at fault. `found` may be NULL: nothing. */
void twin_fail(struct twin_line *l, const char *member, const char *expected, const json_t *found);

/* The member, which is the caller's now, or NULL. */
json_t *twin_take(struct twin_line *l, const char *member);

/* A whole number from 0 to most; `otherwise` where there is none. */
uint64_t twin_take_number(struct twin_line *l, const char *member, uint64_t most, uint64_t otherwise);

/* A text into `out`, NUL-terminated; its length. -1: there is none. Longer ones, and those with a NUL, are at fault. */
int twin_take_text(struct twin_line *l, const char *member, char *out, size_t room);

/* The same of any length, to be freed. NULL: there is none, or it is at fault. */
char *twin_take_name(struct twin_line *l, const char *member, size_t *n);

/* Whatever has not been taken is at fault. False if anything was. */
bool twin_end(struct twin_line *l);

/* A text as JSON: {"latin1": "..."} where its bytes are no UTF-8. And back: its length, or -1. */
json_t *twin_text(const char *text, size_t n);
int twin_text_bytes(const json_t *text, char *out, size_t room);
char *twin_text_new(const json_t *text, size_t *n); /* of any length, to be freed; NULL: it is none */

/* Bytes as hex digits, and back: the number of bytes, or -1 for what is no hex, or too long. */
json_t *twin_hex(const uint8_t *bytes, size_t n);
int64_t twin_hex_bytes(const json_t *hex, uint8_t *out, size_t room);

/* A FLOAT or DOUBLE, its bits big endian: the shortest number, "inf", "-inf", "nan", or "0x..." for another NaN. And back; false:
 * it is none. */
json_t *twin_real(const uint8_t *bits, bool is_float);
bool twin_real_bits(const json_t *real, bool is_float, uint8_t *bits);

#endif
