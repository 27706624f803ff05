/* What the four fields of a header are called in written dialogues, by command and direction: `sid`, `ioid`, `status`...
 * One table for what is written and for what is printed. Rule: ca-protocol 2.1, 2.2. */
#ifndef CAPLAY_REPLAY_FIELDS_H
#define CAPLAY_REPLAY_FIELDS_H

#include "wire/message.h"

enum field_slot { FIELD_TYPE, FIELD_COUNT, FIELD_P1, FIELD_P2, FIELD_SLOTS };

struct field_names {
    const char *name[FIELD_SLOTS]; /* "type", "count", "p1", "p2" where a field has no meaning of its own */
};

enum field_direction { FIELD_REQUEST, FIELD_REPLY, FIELD_CONFIRM /* EVENT_ADD that confirms an EVENT_CANCEL */ };

const struct field_names *field_names(unsigned command, enum field_direction direction);

/* The slot that a key names in this command; also the plain names. -1: none. */
int field_slot(unsigned command, enum field_direction direction, const char *key);

/* True where `type` is a DBR type. */
bool field_has_dbr(unsigned command);

/* The number of a command's name ("READ_NOTIFY"), or -1. */
int field_command(const char *name);

/* The number of a DBR type's name ("TIME_DOUBLE"), or -1. */
int field_dbr(const char *name);

#endif
