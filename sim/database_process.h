/* What a put of a field does that processes its record. A record of a type that is not known here gets a time stamp, and posts
 * its VAL. Rule: ca-protocol 6.4, 6.5; EPICS Base's record types, where they say more. */
#ifndef CAPLAY_SIM_DATABASE_PROCESS_H
#define CAPLAY_SIM_DATABASE_PROCESS_H

#include "sim/database_parts.h"

/* One processing. */
struct process {
    struct db_record *record;
    uint16_t status, severity; /* the worst alarm so far */
    struct wire_stamp before;  /* the record's, until now */
};

/* Make the cells that processing needs: when a field is opened, so that puts allocate nothing. */
void db_process_prepare(struct db_record *r);

/* What the record type does when a field of its own was put (special() of its support). */
void db_process_special(struct db_record *r, const char *field);

/* A LINK alarm for the next processing. */
void db_process_fault(struct db_record *r);

/* The posts are left to db_post_*(). */
void db_process(struct db_record *r, struct wire_stamp now);

#endif
