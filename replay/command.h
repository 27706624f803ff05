/* The commands of this folder: exit code, or -1 with diag set. */
#ifndef CAPLAY_REPLAY_COMMAND_H
#define CAPLAY_REPLAY_COMMAND_H

#include "base/diag.h"

int replay_command(int argc, char **argv, struct diag *diag);
int proxy_command(int argc, char **argv, struct diag *diag);
int diff_command(int argc, char **argv, struct diag *diag);

#endif
