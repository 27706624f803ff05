/* --lockstep FILE: the clients of a recording speak to the server again, without a socket and without a clock. The recorded
 * messages of each circuit, and of each UDP socket, come at their recorded times; the server's deadlines fire at exactly theirs;
 * at one instant deadlines go before messages, and deadlines in the order in which circuits began. So the whole output, the
 * interleaving of lanes included, follows from the recording, the source and the seed alone, and goes to --tap: two runs give
 * equal files. Source: design, rule 7.
 *
 * What differs from serving: a socket takes everything at once; a client does not wait for an answer that comes later than the
 * recorded one; what has no time (--asap) comes every 10 us, and waits for no client. The sids that clients use are replaced by
 * those that this server has given for the same cids. */
#ifndef CAPLAY_SIM_LOCKSTEP_H
#define CAPLAY_SIM_LOCKSTEP_H

#include "sim/sim.h"

/* Run it: config->lockstep is the recording, config->tap gets what was said. 0, or -1 with diag: the recording is none, the tap
 * cannot be written, options that need sockets. */
int lockstep_run(const struct sim_config *config, const struct sim_source *source, char **command, struct diag *diag);

#endif
