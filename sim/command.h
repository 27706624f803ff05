/* The command of this folder: exit code, or -1 with diag set. */
#ifndef CAPLAY_SIM_COMMAND_H
#define CAPLAY_SIM_COMMAND_H

#include "base/diag.h"

int sim_command(int argc, char **argv, struct diag *diag);

#endif
