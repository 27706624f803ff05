/* `capture --ask`: what nobody asked on the wire is asked for once, when the capture is over, so that the asking is in no
 * recording. A child, `caplay snapshot`, asks as a client; its answers are filled in (traces/fill). */
#ifndef CAPLAY_CAPTURE_ASK_H
#define CAPLAY_CAPTURE_ASK_H

#include "traces/trace.h"

/* path: of the trace; the snapshot lies beside it meanwhile. Says what it asks for and what stays unknown. 0, also where nothing
 * is to be asked, or -1 with diag: the trace is as good as it was. */
int ask_fill(struct trace_writer *w, const char *path, struct diag *diag);

#endif
