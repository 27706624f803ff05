/* What a circuit owes for a request: replies put into its lanes. Each handler of a request (request.h) ends in one of these. */
#ifndef CAPLAY_SIM_ANSWER_H
#define CAPLAY_SIM_ANSWER_H

#include "sim/reply.h"
#include "sim/request.h"
#include "sim/source.h"

/* Owe a direct reply, after the source's service time for this class, or without any. */
void answer_timed(struct sim_circuit *c, const struct request *r, struct reply reply, enum sim_class class);
void answer_now(struct sim_circuit *c, const struct request *r, struct reply reply);

/* Owe a put's result, after its service time, in the lane of puts. Returns its number there. */
uint64_t answer_put(struct sim_circuit *c, const struct request *r, struct reply reply);

/* The request's own header, without payload. */
void answer_reflected(struct sim_circuit *c, const struct request *r);

/* An ERROR about the request, and the circuit's end where the fault brings that. */
void answer_fault(struct sim_circuit *c, const struct request *r, enum fault fault);

/* The circuit's end, behind all replies so far; why: what the client sent, or NULL where it wanted the end. */
void answer_end(struct sim_circuit *c, uint64_t now_ns, const char *why);

/* The request's channel; an unknown sid is answered with a fault, and NULL. (A real server would serve a channel of another
 * circuit: ca-protocol 5.2. No client does that; here it is unknown.) */
struct sim_channel *answer_channel(struct sim_circuit *c, const struct request *r);

#endif
