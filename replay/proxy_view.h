/* What the proxy tells of itself while it serves: a line a second on stderr (--status), a live page and Prometheus' metrics
 * (--http).
 */
#ifndef CAPLAY_REPLAY_PROXY_VIEW_H
#define CAPLAY_REPLAY_PROXY_VIEW_H

#include "replay/proxy.h"

struct proxy_view;

/* Borrows the config. NULL with diag: the port of --http is taken or none, or no memory. */
struct proxy_view *proxy_view_open(const struct proxy_config *config, uint64_t now_ns, struct diag *diag);
void proxy_view_close(struct proxy_view *view); /* NULL: nothing */

/* A second is over. */
void proxy_view_tick(struct proxy_view *view, const struct proxy_counts *counts, uint64_t now_ns);

#endif
