/* Numbers, names and times as text for people. Whatever comes from a network is escaped: one line stays one line, and no byte
 * reaches a terminal that could steer it. */
#ifndef CAPLAY_TRACES_SHOW_H
#define CAPLAY_TRACES_SHOW_H

#include "base/diag.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Room for whatever a function below writes, NUL included. */
#define SHOW_BYTES 48

/* A name as one word: blanks, controls, backslashes and non-ASCII bytes become \xNN. */
void show_name(FILE *out, const char *name);

/* The same into memory; cut where room ends. */
void show_name_into(const char *name, char *out, size_t room);

/* A text in quotes; blanks stay. */
void show_quoted(FILE *out, const char *text);

/* "840ns", "12.3us", "4.56ms", "1.23s". */
const char *show_duration(uint64_t ns, char out[SHOW_BYTES]);

/* "10.0.0.1:5064"; "-" for address 0. */
const char *show_endpoint(uint32_t address, uint16_t port, char out[SHOW_BYTES]);

/* "10.0.0.1" */
const char *show_address(uint32_t address, char out[SHOW_BYTES]);

/* "2026-11-25T01:02:03.123456789Z"; seconds since the Unix epoch. */
const char *show_time(uint64_t seconds, uint32_t nanoseconds, char out[SHOW_BYTES]);

/* "MINOR", "HIGH"; "?" for numbers that have no name (ca-protocol 7.2). */
const char *show_severity(unsigned severity);
const char *show_alarm(unsigned status);

/* A command that writes to stdout: begin, write and stop when it is closed, end. Closed by its reader (`| head`) is no failure.
 * end: DIAG_GOOD, or -1 with DIAG_ENVIRONMENT if something did not arrive (disk full...). */
void show_begin(void);
bool show_is_closed(void);
int show_end(struct diag *diag);

#endif
