/* The commands of this folder: exit code, or -1 with diag set. */
#ifndef CAPLAY_CAPTURE_COMMAND_H
#define CAPLAY_CAPTURE_COMMAND_H

#include "base/diag.h"

int capture_command(int argc, char **argv, struct diag *diag);
int capture_compile(int argc, char **argv, struct diag *diag);
int capture_export(int argc, char **argv, struct diag *diag);

#endif
