/* Sets of processor cores as Linux writes them: "0-3,8". */
#ifndef CAPLAY_BASE_CORES_H
#define CAPLAY_BASE_CORES_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>

#define CORES_TEXT 256

/* A whole line of /sys or /proc, with or without its line feed; an empty one is no core. 0, or -1: it is no such list, or names
 * a core from CPU_SETSIZE (1024) on; then *set is unchanged. */
int cores_parse(const char *text, cpu_set_t *set);

/* The other way: "0-3,8"; "none" for an empty set. Cut where it is longer than the room. */
void cores_show(const cpu_set_t *set, char text[CORES_TEXT]);

/* The machine's cores that are switched on. */
void cores_online(cpu_set_t *set);

#endif
