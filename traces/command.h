/* The commands of this folder: exit code, or -1 with diag set. */
#ifndef CAPLAY_TRACES_COMMAND_H
#define CAPLAY_TRACES_COMMAND_H

#include "base/diag.h"

int traces_info(int argc, char **argv, struct diag *diag);
int traces_dump(int argc, char **argv, struct diag *diag);
int traces_cut(int argc, char **argv, struct diag *diag);
int traces_merge(int argc, char **argv, struct diag *diag);
int traces_rename(int argc, char **argv, struct diag *diag);
int traces_anonymise(int argc, char **argv, struct diag *diag);
int traces_recover(int argc, char **argv, struct diag *diag);

#endif
