/* The tokens of JSON5, as far as they stand in a channel's name: keys, values, blanks, comments. The text ends in NUL. Pure. */
#ifndef CAPLAY_SIM_JSON5_H
#define CAPLAY_SIM_JSON5_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON5_TEXT 128u /* bytes of a string, with its NUL */

struct json5 {
    const char *at;
    bool err;
};

enum json5_kind { JSON5_MAP, JSON5_INTEGER, JSON5_REAL, JSON5_BOOLEAN, JSON5_TEXT_VALUE, JSON5_OTHER };

struct json5_value {
    enum json5_kind kind; /* MAP: behind its brace. OTHER: an array, null: not taken */
    int64_t integer;      /* of a BOOLEAN, too */
    double real;
    char text[JSON5_TEXT];
    size_t length;
};

void json5_blanks(struct json5 *in);

/* Is this character next? Then move behind it. */
bool json5_take(struct json5 *in, char character);

/* A map's key, quoted or not, behind blanks, and the colon. */
void json5_key(struct json5 *in, struct json5_value *key);

/* A value behind blanks. */
void json5_value(struct json5 *in, struct json5_value *value);

/* Behind a member of a map: a comma or none. Returns whether the map's brace came, which is taken. */
bool json5_map_ends(struct json5 *in, bool is_first);

#endif
