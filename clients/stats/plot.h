/* A picture of a trace: updates a second by PV over time, service times by class. Drawn by stats_plot.py, with matplotlib. */
#ifndef CAPLAY_CLIENTS_STATS_PLOT_H
#define CAPLAY_CLIENTS_STATS_PLOT_H

#include "traces/survey.h"

#include <stdbool.h>

#define PLOT_PVS 8u /* more lines cannot be told apart */

/* Is it a kind of picture that we make, by its suffix? */
bool plot_is_picture(const char *path);

struct plot {
    const struct trace *trace;
    const struct survey *survey;
    const uint32_t *pvs; /* indices of those to draw, at most PLOT_PVS */
    uint32_t npvs;
};

/* Draw. Exit code of the program that draws, or -1. */
int plot_draw(const char *path, const struct plot *plot, struct diag *diag);

#endif
