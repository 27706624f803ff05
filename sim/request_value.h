/* The requests about values: reads, puts, subscriptions. Rules: ca-protocol 6. Only request.c calls these. */
#ifndef CAPLAY_SIM_REQUEST_VALUE_H
#define CAPLAY_SIM_REQUEST_VALUE_H

#include "sim/request.h"

enum request_outcome request_on_read(struct sim_circuit *c, const struct request *r);
enum request_outcome request_on_read_notify(struct sim_circuit *c, const struct request *r);
enum request_outcome request_on_write(struct sim_circuit *c, const struct request *r);
enum request_outcome request_on_write_notify(struct sim_circuit *c, const struct request *r);
enum request_outcome request_on_event_add(struct sim_circuit *c, const struct request *r);
enum request_outcome request_on_event_cancel(struct sim_circuit *c, const struct request *r);

#endif
