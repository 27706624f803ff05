#include "replay/kind.h"

#include <string.h>

#define LINK_CHARACTERS 1024u /* of a link that is read with `$` */

/* The field in "record.FIELD" or "record.FIELD$"; "" for VAL. *n: its length. */
static const char *field_of(const char *name, size_t *n)
{
    const char *dot = strchr(name, '.');
    const char *field = dot != NULL ? dot + 1 : name + strlen(name);
    *n = strcspn(field, "$[{");
    if (*n == 3 && memcmp(field, "VAL", 3) == 0)
        *n = 0;
    return field;
}

/* VAL$ is such a field of records with a text of 40 characters, and an array of those with longer ones (lsi, lso). */
static bool is_text(const struct kind_traits *t, size_t field_length)
{
    const size_t n = strlen(t->name);
    if (n == 0 || t->name[n - 1] != '$' || t->native != WIRE_CHAR || t->count == LINK_CHARACTERS)
        return false;
    return field_length > 0 || t->count == WIRE_STRING_BYTES;
}

enum wire_field kind_of(const struct kind_traits *t)
{
    size_t n;
    const char *field = field_of(t->name, &n);
    if (t->native == WIRE_STRING && n == 4 && memcmp(field, "RTYP", 4) == 0 && field[4] == '\0')
        return WIRE_FIELD_ATTRIBUTE;
    if (t->native == WIRE_DOUBLE && n == 0 && strncmp(t->record_type, "int64", 5) == 0)
        return WIRE_FIELD_WHOLE;
    return is_text(t, n) ? WIRE_FIELD_TEXT : WIRE_FIELD_PLAIN;
}
