/* What the files of sim/database* share. */
#ifndef CAPLAY_SIM_DATABASE_PARTS_H
#define CAPLAY_SIM_DATABASE_PARTS_H

#include "base/lookup.h"
#include "sim/database.h"
#include "sim/filter.h"

#include <stdlib.h>

#define DATABASE_LINK_BYTES 1024u /* a link's text with `$` (ca-protocol 3.4) */

/* A field that somebody has opened, or that processing changes. Fields without a cell have their value in the scenario. */
struct db_cell {
    struct db_cell *next; /* of the record */
    const struct scenario_field *is;
    int field;
    uint32_t count;   /* elements that it holds */
    size_t room;      /* bytes */
    uint64_t bytes[]; /* elements of its base, big endian; a single STRING or a link: a text of up to room bytes */
};

enum db_shape {
    DB_WHOLE,
    DB_CHARACTERS = 1, /* `$` */
    DB_SLICE = 2,      /* [start:step:end], or the filter arr */
    DB_NUMBER = 4,     /* a state of a record that had no states when the channel was made */
    DB_STAMP = 8,      /* the filter ts shows the stamp instead of the value */
    DB_FULL = 16,      /* the filter ts copies an array: all that it may have, zeros behind what it has */
};

/* What a channel's name asks for behind the record. */
struct db_view {
    int field;
    unsigned shape;             /* enum db_shape */
    struct filter_slice *slice; /* room for FILTERS_MOST where a name is parsed */
    unsigned nslices;
    struct filter_show show; /* DB_STAMP */
};

struct db_pv {
    struct sim_pv pv;   /* first: the server's pointer leads back here */
    struct db_pv *next; /* of the record */
    struct db_record *record;
    struct db_cell *cell;
    struct db_view view;
    uint8_t base;      /* enum wire_base of its value, which may not be shown */
    uint32_t elements; /* that it may have */
    struct wire_meta meta;
    uint8_t *slice;                  /* the elements of a slice */
    unsigned sliced;                 /* of the view's slices, those that there were elements for */
    uint32_t *most;                  /* elements of each of them; behind this struct, as the view's slices */
    uint8_t number[sizeof(int32_t)]; /* the state of a DB_NUMBER */
};

struct db_post {
    struct db_pv *pv;
    unsigned mask;
    struct wire_value value; /* what it was then: alarm and stamp, and a single number, which is in bytes */
    uint8_t bytes[sizeof(double)];
};

struct db_record {
    const struct scenario_record *is;
    struct database *database;
    struct db_cell *cells;
    struct db_pv *pvs;
    struct sim_pv found; /* what a search finds: not opened yet */
    uint16_t status, severity, ackt, acks;
    struct wire_stamp stamp;
    uint16_t new_status, new_severity; /* NSTA, NSEV: an alarm that waits for processing */
    bool is_prepared;                  /* has the cells that processing needs */
    bool *state;                       /* a bi or bo of "Db State": the one that it shows or sets */
};

/* What the filter sync looks at: a name that "Db State" records share. */
struct db_state {
    struct db_state *next;
    bool is;
    char name[];
};

struct db_name { /* a record's or an alias's */
    const char *name;
    struct db_record *record;
};

struct database {
    struct sim_source source;
    struct scenario *scenario;
    struct db_record *record; /* scenario->nrecords */
    struct db_name *name;
    struct lookup names; /* -> name[] */
    struct db_state *states;
    uint64_t realtime_ns; /* what stamps show - CLOCK_MONOTONIC */
    uint8_t *scratch;     /* room for any opened cell's elements */
    size_t scratch_bytes;
    struct db_post *post; /* what a put has changed, in order */
    unsigned nposts, posted, post_room;
    unsigned nviews; /* slices that were made */
    uint64_t view_bytes;
};

/* database_name.c: the part of a name behind the record. `whole`: with what stands behind the field, else only the field counts,
 * as in a search. filters: those that remain to the channel; NULL unless `whole`. */
bool db_view_parse(const struct scenario_type *type, const char *name, size_t length, struct db_view *view,
                   struct filters *filters);

/* database_state.c */
int db_state_open(struct db_record *r, struct diag *diag); /* the state of a record that has one, made if it is new */
const bool *db_state_find(const struct database *d, const char *name);
void db_states_free(struct database *d);

/* database_cell.c */
uint8_t db_base(const struct scenario_field *is);                          /* enum wire_base */
bool db_is_wide(const struct scenario_field *is);                          /* INT64, UINT64: elements are the integers */
bool db_is_text(const struct scenario_field *is);                          /* one text, not elements */
struct db_cell *db_cell(struct db_record *r, int field);                   /* made if there is none yet; NULL without memory */
struct db_cell *db_cell_named(struct db_record *r, const char *name);      /* NULL also if the type has no such field */
double db_number(const struct db_record *r, int field);                    /* a field's first element, now */
const char *db_text(const struct db_record *r, int field);                 /* "" of a field that is no text */
void db_cast(const struct scenario_field *is, uint8_t *bytes, uint32_t n); /* elements, to what the field can hold */
void db_cell_set(struct db_cell *cell, double number); /* first element, as a C cast of the field's type does it */

struct wire_stamp db_stamp(uint64_t realtime_ns);

/* database_pv.c */
struct db_pv *db_pv_open(struct db_record *r, const struct db_view *view);
void db_pv_refresh(struct db_pv *pv);        /* its value is new */
void db_record_refresh(struct db_record *r); /* alarm, stamp, metadata of all its PVs */
void db_record_free(struct db_record *r);

/* database_post.c: remember what to post, as it is now; and give it out in order, each with its PV's value as it was. Behind the
 * last one, NULL, all PVs have their present values again. */
struct db_pv *db_post_next(struct database *d, unsigned *mask);
void db_post_field(struct db_record *r, int field, unsigned mask);
void db_post_named(struct db_record *r, const char *field, unsigned mask);
void db_post_record(struct db_record *r, unsigned mask); /* every field */

/* database_put.c: put, failed, named and acknowledge of sim/source.h */
uint32_t db_put(void *self, struct sim_pv *pv, unsigned type, uint32_t count, const uint8_t *payload, uint32_t size,
                uint64_t now_ns, unsigned *mask);
void db_put_failed(void *self, struct sim_pv *pv, uint64_t now_ns);
void db_named(void *self, struct sim_pv *pv);
void db_acknowledge(void *self, struct sim_pv *pv, unsigned type, uint16_t value);

#endif
