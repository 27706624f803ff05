/* Values of fields, and texts, as YAML on one line. Part of caplay-db. */
#ifndef CAPLAY_CLIENTS_DB_VALUE_H
#define CAPLAY_CLIENTS_DB_VALUE_H

#include "clients/db/field.h"

#include <stdio.h>

/* A quoted scalar; `!bytes "c3..."` in hex if the text is not UTF-8. */
void db_print_text(FILE *out, const char *text);

/* 1.5, .nan, .inf */
void db_print_number(FILE *out, double number);

/* The field's value as it is now: a scalar, or a list of the elements that it holds. Strings in full length, of links too. */
void db_print_value(FILE *out, DBADDR *address);

#endif
