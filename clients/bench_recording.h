/* What a recording's image posted: the serials and times that tell, on its replay, what was lost from what was never recorded. */
#ifndef CAPLAY_CLIENTS_BENCH_RECORDING_H
#define CAPLAY_CLIENTS_BENCH_RECORDING_H

#include "base/diag.h"
#include "clients/bench_frames.h"

/* 0, or -1: the trace cannot be read, or it holds no frames of this PV. To be freed with bench_recording_fini(). */
int bench_recording_read(const char *file, const char *pv, struct bench_posts *posts, struct diag *diag);
void bench_recording_fini(struct bench_posts *posts);

#endif
