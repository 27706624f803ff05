/* The commands of this folder: exit code, or -1 with diag set. */
#ifndef CAPLAY_CLIENTS_COMMAND_H
#define CAPLAY_CLIENTS_COMMAND_H

#include "base/diag.h"

int clients_ioc(int argc, char **argv, struct diag *diag);
int clients_bench(int argc, char **argv, struct diag *diag);
int clients_compare(int argc, char **argv, struct diag *diag);
int clients_report(int argc, char **argv, struct diag *diag);
int clients_list(int argc, char **argv, struct diag *diag);
int clients_doctor(int argc, char **argv, struct diag *diag);
int clients_snapshot(int argc, char **argv, struct diag *diag);
int clients_validate(int argc, char **argv, struct diag *diag);
int clients_stats(int argc, char **argv, struct diag *diag);

#endif
