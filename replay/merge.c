#include "replay/merge.h"

#include <stdlib.h>
#include <string.h>

#define FIND_MOST 4096u

/* ---- what two samples have in common ---- */

/* Arrays and strings share their data between posts; scalars of up to 8 bytes are copied. */
static bool shares_data(const struct samples_pv *pv)
{
    return pv->count != 1 || pv->native == WIRE_STRING;
}

static bool same_bytes(const struct sample *a, const struct sample *b)
{
    uint32_t n = a->count < b->count ? a->count : b->count;
    bool both_whole = a->asked == SAMPLE_WHOLE && b->asked == SAMPLE_WHOLE;
    if (both_whole && a->count != b->count)
        return false;
    return n == 0 || memcmp(a->data, b->data, n * wire_base_size((enum wire_base)a->base)) == 0;
}

/* Is `other` what a client gets that asks for `full` in the other's type? First element only. */
static bool converts_to(const struct merge *m, const struct sample *full, const struct sample *other)
{
    uint8_t out[WIRE_STRING_BYTES];
    struct wire_value value = {.data = full->data, .count = full->count, .base = full->base};
    if (full->count == 0 || other->count == 0)
        return full->count == other->count;
    size_t size = wire_base_size((enum wire_base)other->base);
    return wire_encode(other->base, 1, &value, &m->pv->meta, out) == WIRE_ECA_NORMAL && memcmp(out, other->data, size) == 0;
}

static bool same_alarm(const struct sample *a, const struct sample *b)
{
    return !a->has_alarm || !b->has_alarm || (a->status == b->status && a->severity == b->severity);
}

bool merge_same(const struct merge *m, const struct sample *a, const struct sample *b)
{
    if (!same_alarm(a, b))
        return false;
    if (a->base == b->base)
        return same_bytes(a, b);
    return a->fit >= b->fit ? converts_to(m, a, b) : converts_to(m, b, a);
}

/* > 0: a says more than b. */
static int compare_worth(uint8_t fit_a, uint32_t asked_a, uint8_t fit_b, uint32_t asked_b)
{
    int sound = (fit_a > SAMPLE_LOSSY) - (fit_b > SAMPLE_LOSSY);
    if (sound != 0)
        return sound;
    if (asked_a != asked_b)
        return asked_a > asked_b ? 1 : -1;
    return fit_a - fit_b;
}

static int compare_samples(const struct sample *a, const struct sample *b)
{
    return compare_worth(a->fit, a->asked, b->fit, b->asked);
}

/* ---- which samples count ---- */

static bool counts(const struct merge *m, const struct sample *s, bool has_sound)
{
    if (has_sound && s->fit == SAMPLE_LOSSY && !s->has_stamp)
        return false;
    if (s->stream == SAMPLE_READ)
        return !cover_has(&m->covered[0], s->t_ns);
    return s->has_stamp || !cover_has(&m->covered[1], s->t_ns);
}

static size_t drop_covered(struct merge *m, struct sample *samples)
{
    size_t kept = 0;
    bool has_sound = false;
    for (unsigned with_stamps = 0; with_stamps < 2; with_stamps++)
        cover_make(&m->covered[with_stamps], m->streams, m->pv->first_stream, with_stamps == 1);
    for (uint32_t i = 0; i < m->pv->nsamples; i++)
        has_sound |= samples[i].fit > SAMPLE_LOSSY;
    for (uint32_t i = 0; i < m->pv->nsamples; i++)
        if (counts(m, &samples[i], has_sound))
            samples[kept++] = samples[i];
    return kept;
}

/* Stamped ones first: by stamp, the one that says most first, each stream together. Then the others, as captured. */
static int by_stamp(const void *a, const void *b)
{
    const struct sample *x = a, *y = b;
    if (x->has_stamp != y->has_stamp)
        return x->has_stamp ? -1 : 1;
    if (x->has_stamp) {
        if (x->stamp_ns != y->stamp_ns)
            return x->stamp_ns < y->stamp_ns ? -1 : 1;
        int worth = compare_samples(y, x);
        if (worth != 0)
            return worth;
        if (x->stream != y->stream)
            return x->stream < y->stream ? -1 : 1;
    }
    return x->event < y->event ? -1 : 1;
}

/* ---- samples with stamps ---- */

/* Of a lossy copy it cannot always be told what it was made from (a string's decimals are the PREC of a record, which nobody may
 * have asked for): then any better sample with its stamp will do. */
static bool is_copy(const struct merge *m, const struct post *p, const struct sample *s, bool trusting)
{
    if (p->taken_by == s->stream && s->stream != SAMPLE_READ)
        return false;
    if (shares_data(m->pv) || merge_same(m, p->sample, s))
        return true;
    return trusting && s->fit == SAMPLE_LOSSY && p->sample->fit > SAMPLE_LOSSY;
}

/* A post among posts[0..n) of which s is another copy, or NULL. Looks at posts[hint] first, and not too far: copies come in the
 * order of their posts, and a recording where thousands of posts have one stamp and nothing in common costs no square of them. */
static struct post *find_post(const struct merge *m, struct post *posts, size_t n, size_t hint, const struct sample *s)
{
    for (int trusting = 0; trusting <= (s->fit == SAMPLE_LOSSY); trusting++)
        for (size_t i = 0; i < n && i < FIND_MOST; i++)
            if (is_copy(m, &posts[(hint + i) % n], s, trusting))
                return &posts[(hint + i) % n];
    return NULL;
}

/* Are the data those of the post whose stamp they bear? An array's are read when it is sent. MERGED: another subscription got a
 * post that this one did not get, which may have been there by then. OPEN: what came next is not known, or is the same. */
enum trust { TRUST_MERGED, TRUST_OPEN, TRUST_OWN };

static enum trust trust_in(const struct sample *s, uint64_t next_post_ns)
{
    if (s->next_stamp_ns > next_post_ns)
        return TRUST_MERGED;
    const bool is_open = s->stream != SAMPLE_READ && (s->next_stamp_ns == 0 || s->next_repeats);
    return is_open ? TRUST_OPEN : TRUST_OWN;
}

/* Of two copies of a post. next_post_ns: the stamp of the next one. */
static bool is_truer(const struct merge *m, const struct sample *s, const struct sample *than, uint64_t next_post_ns)
{
    if (shares_data(m->pv) && s->base == than->base && s->count == than->count) {
        const enum trust mine = trust_in(s, next_post_ns), other = trust_in(than, next_post_ns);
        return mine != other ? mine > other : s->t_ns < than->t_ns;
    }
    return s->t_ns < than->t_ns && compare_samples(s, than) == 0;
}

static void add_copy(struct merge *m, struct post *p, const struct sample *s, uint64_t next_post_ns)
{
    bool is_update = s->stream != SAMPLE_READ;
    m->copies += is_update;
    m->merged += is_update && p->sample->base == s->base && !same_bytes(p->sample, s);
    if (is_truer(m, s, p->sample, next_post_ns))
        p->sample = s;
    if (s->t_ns < p->due_ns)
        p->due_ns = s->t_ns;
    p->is_state = p->is_state && s->is_state;
    p->taken_by = s->stream;
}

static int by_due(const void *a, const void *b)
{
    const struct post *x = a, *y = b;
    if (x->due_ns != y->due_ns)
        return x->due_ns < y->due_ns ? -1 : 1;
    return x->sample->event < y->sample->event ? -1 : x->sample->event > y->sample->event;
}

/* n samples with the same stamp, and that of the next post. */
static void add_group(struct merge *m, const struct sample *s, size_t n, uint64_t next_post_ns)
{
    struct post *group = m->stamped + m->nstamped;
    size_t made = 0, before = 0, hint = 0; /* before: made by earlier streams */
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || s[i].stream != s[i - 1].stream)
            before = made, hint = 0;
        struct post *p = find_post(m, group, s[i].stream == SAMPLE_READ ? made : before, hint, &s[i]);
        if (p != NULL) {
            add_copy(m, p, &s[i], next_post_ns);
            hint = (size_t)(p - group) + 1;
        } else {
            group[made++] =
                (struct post){.due_ns = s[i].t_ns, .sample = &s[i], .taken_by = s[i].stream, .is_state = s[i].is_state};
        }
    }
    qsort(group, made, sizeof *group, by_due);
    m->nstamped += made;
}

static void add_groups(struct merge *m, const struct sample *s, size_t n)
{
    for (size_t i = 0, k; i < n; i = k) {
        for (k = i + 1; k < n && s[k].stamp_ns == s[i].stamp_ns; k++)
            ;
        add_group(m, s + i, k - i, k < n ? s[k].stamp_ns : UINT64_MAX);
    }
}

/* ---- when ---- */

/* The instant of a post's stamp on the trace's clock, without the delay from stamp to packet. */
static int64_t stamp_time(const struct merge *m, const struct post *p)
{
    return (int64_t)p->sample->stamp_ns - (int64_t)m->start_stamp_ns;
}

/* From stamp to packet, as fast as it was. INT64_MAX: nobody saw a post being made. */
static int64_t smallest_delay(const struct merge *m)
{
    int64_t delay = INT64_MAX;
    for (size_t i = 0; i < m->nstamped; i++) {
        int64_t d = (int64_t)m->stamped[i].due_ns - stamp_time(m, &m->stamped[i]);
        if (!m->stamped[i].is_state && d < delay)
            delay = d;
    }
    return delay;
}

/* Had the later post been made when this one was sent? The nearer of the two moments tells; a state's own may be long ago. */
static bool was_there(const struct merge *m, const struct post *p, const struct post *later, int64_t delay)
{
    const int64_t sent = (int64_t)p->sample->t_ns - delay, made = stamp_time(m, later);
    return sent >= (p->is_state ? made : made - (made - stamp_time(m, p)) / 2);
}

/* Does a post bear the data of a later one: of one that its subscription did not get, or got next, since the first one was taken
 * from the queue before, and read after the other was made? Not where it has what was there before. */
static bool bears_later_data(const struct merge *m, size_t i, const struct post *before, int64_t delay)
{
    const struct post *p = &m->stamped[i];
    const struct sample *s = p->sample;
    if (before != NULL && same_bytes(before->sample, s))
        return false;
    for (size_t k = i + 1; k < m->nstamped && k - i < FIND_MOST; k++) {
        const struct post *later = &m->stamped[k];
        if (later->sample->stamp_ns > s->next_stamp_ns || !was_there(m, p, later, delay))
            return false;
        if (later->sample->stamp_ns > s->stamp_ns && later->sample->base == s->base && same_bytes(later->sample, s))
            return true;
    }
    return false;
}

static void drop_merged(struct merge *m, int64_t delay)
{
    size_t kept = 0;
    if (!shares_data(m->pv) || delay == INT64_MAX)
        return;
    for (size_t i = 0; i < m->nstamped; i++)
        if (bears_later_data(m, i, kept > 0 ? &m->stamped[kept - 1] : NULL, delay)) {
            m->copies++;
            m->merged++;
        } else
            m->stamped[kept++] = m->stamped[i];
    m->nstamped = kept;
}

/* Nobody saw a state being posted; its stamp tells when it was. */
static void date_states(struct merge *m, int64_t delay)
{
    for (size_t i = 0; i < m->nstamped && delay != INT64_MAX; i++) {
        struct post *p = &m->stamped[i];
        int64_t at = stamp_time(m, p) + delay;
        if (p->is_state && at < (int64_t)p->due_ns)
            p->due_ns = at > 0 ? (uint64_t)at : 0;
    }
}

/* Was it only late? Its subscription had begun when the later post was captured, and its stamps never go back. */
static bool was_late(const struct merge *m, const struct post *p, uint64_t later_due_ns)
{
    const struct stream *stream = p->sample->stream != SAMPLE_READ ? &m->streams[p->sample->stream] : NULL;
    return stream != NULL && !stream->goes_back && stream->begin_ns <= later_due_ns;
}

/* An earlier post cannot have come after a later one: its own copies were late. */
static void order_posts(struct merge *m)
{
    uint64_t due = UINT64_MAX;
    for (size_t i = m->nstamped; i-- > 0;) {
        if (m->stamped[i].due_ns < due)
            due = m->stamped[i].due_ns;
        else if (m->stamped[i].due_ns - due > MERGE_SLACK_NS && !was_late(m, &m->stamped[i], due))
            m->by_packets = true;
    }
    if (m->by_packets) {
        qsort(m->stamped, m->nstamped, sizeof *m->stamped, by_due);
        return;
    }
    due = UINT64_MAX;
    for (size_t i = m->nstamped; i-- > 0;)
        due = m->stamped[i].due_ns = m->stamped[i].due_ns < due ? m->stamped[i].due_ns : due;
}

/* ---- samples without stamps, and all in order ---- */

/* Does this sample's subscription speak for the PV now? *is_new: it has just begun to. */
static bool speaks(struct merge *m, const struct sample *s, bool *is_new)
{
    const struct stream *mine = &m->streams[s->stream], *now = m->speaker;
    *is_new = false;
    if (mine == now)
        return true;
    if (now != NULL && s->t_ns <= now->end_ns && compare_worth(mine->fit, mine->asked, now->fit, now->asked) <= 0)
        return false;
    m->speaker = mine;
    *is_new = true;
    return true;
}

static const struct post *last_post(const struct merge *m)
{
    return m->nposts > 0 ? &m->posts[m->nposts - 1] : NULL;
}

static void add_plain(struct merge *m, const struct sample *s)
{
    bool is_state = true, is_new = false;
    if (s->stream != SAMPLE_READ) {
        if (!speaks(m, s, &is_new)) {
            m->copies++;
            return;
        }
        is_state = s->is_state || is_new;
    }
    const struct post *last = last_post(m);
    if (is_state && last != NULL && merge_same(m, last->sample, s))
        return;
    m->posts[m->nposts++] = (struct post){.due_ns = s->t_ns, .sample = s, .is_state = is_state};
}

/* A state that was known without a stamp (from a CTRL read, or a plain update) is now told with its stamp: one post. */
static void add_stamped(struct merge *m, const struct post *p)
{
    const struct post *last = last_post(m);
    bool again = p->is_state && last != NULL && !last->sample->has_stamp && merge_same(m, last->sample, p->sample);
    uint64_t due_ns = again ? last->due_ns : p->due_ns;
    m->nposts -= again;
    m->posts[m->nposts] = *p;
    m->posts[m->nposts++].due_ns = due_ns;
}

size_t merge_samples(struct merge *m, struct sample *samples)
{
    size_t n = drop_covered(m, samples), nstamped = 0;
    qsort(samples, n, sizeof *samples, by_stamp);
    while (nstamped < n && samples[nstamped].has_stamp)
        nstamped++;
    add_groups(m, samples, nstamped);
    const int64_t delay = smallest_delay(m);
    drop_merged(m, delay);
    date_states(m, delay);
    order_posts(m);
    for (size_t i = 0, k = nstamped; i < m->nstamped || k < n;)
        if (k == n || (i < m->nstamped && m->stamped[i].due_ns <= samples[k].t_ns))
            add_stamped(m, &m->stamped[i++]);
        else
            add_plain(m, &samples[k++]);
    return m->nposts;
}
