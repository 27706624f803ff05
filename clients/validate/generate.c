#include "clients/validate/generate.h"

#include "wire/dbr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHANNELS      24
#define SUBSCRIPTIONS 24

struct channel {
    const struct validate_record *record;
    const char *field;  /* "" is VAL */
    const char *filter; /* "" is none */
    unsigned cid, circuit;
    bool is_value; /* VAL itself */
};

struct subscription {
    unsigned subid, channel;
};

struct generator {
    const struct validate_records *records;
    uint64_t random;
    FILE *out;
    unsigned requests, next_id, next_cid;
    struct channel channel[CHANNELS];
    unsigned nchannels;
    struct subscription subscription[SUBSCRIPTIONS];
    unsigned nsubscriptions;
    bool is_open[2], events_off[2];
};

/* ---- chance ---- */

/* splitmix64 */
static uint64_t draw(struct generator *g)
{
    uint64_t z = g->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static unsigned below(struct generator *g, unsigned n)
{
    return (unsigned)(draw(g) % n);
}

#define PICK(g, list) (list)[below(g, sizeof(list) / sizeof *(list))]

/* ---- lines ---- */

static const char *arrow(unsigned circuit)
{
    return circuit == 0 ? "> " : "B> ";
}

static void begin_block(struct generator *g)
{
    fputc('\n', g->out);
}

static void request(struct generator *g, unsigned circuit, const char *text)
{
    fprintf(g->out, "%s%s", arrow(circuit), text);
    g->requests++;
}

/* ---- PVs ---- */

/* Fields that every record of a type surely has, after VAL. */
static const struct {
    const char *type;
    const char *fields[8];
} kinds[] = {
    {"ai", {"EGU", "PREC", "HOPR", "LOPR", "HIGH", "LOLO"}},
    {"ao", {"EGU", "PREC", "HOPR", "LOPR", "HIHI", "LOW"}},
    {"bi", {"ZNAM", "ONAM"}},
    {"bo", {"ZNAM", "ONAM"}},
    {"longin", {"EGU", "HOPR", "LOPR", "HIGH"}},
    {"longout", {"EGU", "HOPR", "LOPR", "LOW"}},
    {"mbbi", {"ZRST", "ONST"}},
    {"mbbo", {"ZRST", "ONST"}},
    {"waveform", {"EGU", "PREC", "HOPR", "LOPR"}},
};

static const char *const common[] = {"DESC", "NAME", "RTYP", "STAT", "SEVR", "SCAN", "DESC$", "PINI"};

static const char *own_field(struct generator *g, const char *type)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        unsigned n = 0;
        while (strcmp(kinds[i].type, type) == 0 && n < 8 && kinds[i].fields[n] != NULL)
            n++;
        if (n > 0)
            return kinds[i].fields[below(g, n)];
    }
    return "DESC";
}

static const char *pick_field(struct generator *g, const char *type)
{
    unsigned chance = below(g, 10);
    return chance < 6 ? "" : chance < 8 ? own_field(g, type) : PICK(g, common);
}

static void write_name(FILE *out, const struct channel *c)
{
    bool has_dot = c->field[0] != '\0' || c->filter[0] != '\0';
    fprintf(out, "\"%s%s%s%s\"", c->record->name, has_dot ? "." : "", c->field, c->filter);
}

/* Without filters: what the server owes is waited for on such a channel. */
static unsigned plain_channels(const struct generator *g, unsigned circuit)
{
    unsigned n = 0;
    for (unsigned i = 0; i < g->nchannels; i++)
        n += g->channel[i].circuit == circuit && g->channel[i].filter[0] == '\0';
    return n;
}

/* A time stamp as a value would differ by itself: ts is asked for that of now. */
static const char *pick_filter(struct generator *g, unsigned circuit)
{
    static const char *const filters[] = {"{dbnd:{d:1}}",          "{dbnd:{rel:50}}",         "{dbnd:{abs:0}}",
                                          "{dec:{n:2}}",           "{'dec':{'n':3}}",         "{ts:{}}",
                                          "{arr:{s:1,i:2},ts:{}}", "{utag:{M:1,V:1}}",        "{dec:{n:2},dbnd:{d:2}}",
                                          "{arr:{s:-3}}",          "{dbnd:{d:5},dec:{n:2},}", "{}"};
    return plain_channels(g, circuit) > 0 && below(g, 4) == 0 ? PICK(g, filters) : "";
}

/* ---- requests ---- */

static void open_circuit(struct generator *g, unsigned circuit)
{
    static const unsigned minors[] = {13, 13, 13, 13, 13, 12, 11, 9, 99};
    unsigned minor = PICK(g, minors);
    g->is_open[circuit] = true;
    fprintf(g->out, "%sVERSION minor=%u priority=%u\n", arrow(circuit), minor, below(g, 100));
    if (below(g, 2) == 0)
        fprintf(g->out, "%sHOST_NAME \"host\"\n", arrow(circuit));
    if (below(g, 2) == 0)
        fprintf(g->out, "%sCLIENT_NAME \"user\"\n", arrow(circuit));
    g->requests += 2;
}

static void create(struct generator *g, unsigned circuit)
{
    if (g->nchannels == CHANNELS)
        return;
    const char *filter = pick_filter(g, circuit);
    struct channel *c = &g->channel[g->nchannels++];
    c->record = &g->records->at[below(g, (unsigned)g->records->n)];
    c->field = g->records->is_recorded ? "" : pick_field(g, c->record->type);
    c->filter = g->records->is_recorded ? "" : filter;
    c->is_value = c->field[0] == '\0';
    c->cid = g->next_cid++;
    c->circuit = circuit;
    fprintf(g->out, "%sCREATE_CHAN cid=%u minor=13 ", arrow(circuit), c->cid);
    write_name(g->out, c);
    fputc('\n', g->out);
    g->requests++;
}

/* Names that are refused; nothing is done with the channel. */
static void create_badly(struct generator *g, unsigned circuit)
{
    static const char *const names[] = {"no such PV", "%s.NOPE", "%s.VAL ",    "%s.TIME", "%s.PREC$",
                                        "%s.[1:",     "%s[1]",   "%s.{\"a\"}", ""};
    char name[160], escaped[200];
    const struct validate_record *r = &g->records->at[below(g, (unsigned)g->records->n)];
    const char *form = PICK(g, names), *mark = strstr(form, "%s");
    snprintf(name, sizeof name, "%s%s", mark != NULL ? r->name : form, mark != NULL ? mark + 2 : "");
    size_t n = 0;
    for (const char *c = name; *c != '\0'; c++) {
        if (*c == '"')
            escaped[n++] = '\\';
        escaped[n++] = *c;
    }
    escaped[n] = '\0';
    fprintf(g->out, "%sCREATE_CHAN cid=%u minor=13 \"%s\"\n", arrow(circuit), g->next_cid++, escaped);
    g->requests++;
}

static struct channel *pick_channel(struct generator *g, unsigned circuit)
{
    unsigned n = 0;
    struct channel *found[CHANNELS];
    for (unsigned i = 0; i < g->nchannels; i++)
        if (g->channel[i].circuit == circuit)
            found[n++] = &g->channel[i];
    return n > 0 ? found[below(g, n)] : NULL;
}

static unsigned pick_type(struct generator *g)
{
    return below(g, 3) == 0 ? below(g, WIRE_BASES) : below(g, WIRE_TYPES);
}

static void read_value(struct generator *g, struct channel *c)
{
    static const unsigned counts[] = {1, 1, 1, 1, 0, 0, 2, 3, 10, 100};
    bool is_old = below(g, 10) == 0;
    fprintf(g->out, "%s%s type=%s count=%u sid=@%u ioid=%u\n", arrow(c->circuit), is_old ? "READ" : "READ_NOTIFY",
            wire_types[pick_type(g)].name, PICK(g, counts), c->cid, g->next_id++);
    g->requests++;
}

static void subscribe(struct generator *g, struct channel *c)
{
    static const unsigned masks[] = {1, 1, 2, 3, 4, 5, 5, 7, 8, 9, 15, 16, 255};
    static const unsigned counts[] = {1, 1, 1, 0, 0, 2, 5};
    if (g->nsubscriptions == SUBSCRIPTIONS)
        return;
    struct subscription *s = &g->subscription[g->nsubscriptions++];
    *s = (struct subscription){.subid = g->next_id++, .channel = (unsigned)(c - g->channel)};
    fprintf(g->out, "%sEVENT_ADD type=%s count=%u sid=@%u subid=%u mask=%u\n", arrow(c->circuit), wire_types[pick_type(g)].name,
            PICK(g, counts), c->cid, s->subid, PICK(g, masks));
    g->requests++;
}

static void cancel(struct generator *g)
{
    if (g->nsubscriptions == 0)
        return;
    struct subscription *s = &g->subscription[below(g, g->nsubscriptions)];
    struct channel *c = &g->channel[s->channel];
    begin_block(g);
    fprintf(g->out, "%sEVENT_CANCEL type=%u count=%u sid=@%u subid=%u\n\n", arrow(c->circuit), below(g, 7), below(g, 5), c->cid,
            s->subid);
    g->requests++;
    *s = g->subscription[--g->nsubscriptions];
}

static void clear_channel(struct generator *g, struct channel *c)
{
    if (c->filter[0] == '\0' && plain_channels(g, c->circuit) == 1)
        return;
    unsigned index = (unsigned)(c - g->channel), last = g->nchannels - 1, n = 0;
    begin_block(g);
    fprintf(g->out, "%sCLEAR_CHANNEL sid=@%u cid=%u\n\n", arrow(c->circuit), c->cid, c->cid);
    g->requests++;
    for (unsigned i = 0; i < g->nsubscriptions; i++)
        if (g->subscription[i].channel != index) {
            g->subscription[n] = g->subscription[i];
            g->subscription[n].channel = g->subscription[i].channel == last ? index : g->subscription[i].channel;
            n++;
        }
    g->nsubscriptions = n;
    *c = g->channel[last];
    g->nchannels--;
}

/* ---- puts ---- */

static void write_number_value(struct generator *g, unsigned base)
{
    static const char *const reals[] = {"0",    "1",    "-1",         "2.5",  "-7.75", "9.5",
                                        "8.25", "1e-5", "123456.789", "1e10", "-3e9",  "100"};
    static const char *const wholes[] = {"0", "1", "2", "3", "5", "15", "16", "-1", "100", "255", "32767", "-32768", "7"};
    fputs(base == WIRE_DOUBLE || base == WIRE_FLOAT ? PICK(g, reals) : PICK(g, wholes), g->out);
}

static void write_one_value(struct generator *g, unsigned base)
{
    static const char *const texts[] = {
        "0",  "1",         "one", "zero", "Open", "off", "three", "2.5",
        "-7", "7x",        " 12", "",     "abc",  "1e3", "0x1f",  "a text of some length, no more",
        "16", "5000000000"};
    if (base == WIRE_STRING)
        fprintf(g->out, "\"%s\"", PICK(g, texts));
    else
        write_number_value(g, base);
}

/* The first state string makes VAL of an mbbo another type for the channels to come: a dialogue of its own says so. */
static bool changes_type(const struct channel *c)
{
    return strncmp(c->record->type, "mbb", 3) == 0 && c->field[0] != '\0' && !c->record->has_labels;
}

static bool may_put(const struct channel *c)
{
    static const char *const fields[] = {"",     "EGU",  "PREC", "HOPR", "LOPR", "HIGH", "LOLO", "HIHI", "LOW",
                                         "DESC", "ZNAM", "ONAM", "ZRST", "ONST", "NAME", "RTYP", "STAT"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strcmp(c->field, fields[i]) == 0)
            return c->record->is_writable && !changes_type(c);
    return false;
}

/* A number that is written to a text leaves remains of the text before behind the NUL. A real IOC shows them (`$` in other
 * types), and takes them for a change of a property. */
static bool keeps_remains(const struct channel *c)
{
    static const char *const fields[] = {"EGU", "ZNAM", "ONAM", "ZRST", "ONST", "DESC"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strcmp(c->field, fields[i]) == 0)
            return true;
    return false;
}

static void put(struct generator *g, struct channel *c)
{
    if (!may_put(c) || g->records->is_recorded)
        return;
    bool is_array = c->is_value && strcmp(c->record->type, "waveform") == 0;
    unsigned type = keeps_remains(c) ? WIRE_STRING : below(g, WIRE_BASES), count = is_array            ? below(g, 8)
                                                                                   : below(g, 12) == 0 ? 2
                                                                                                       : 1;
    bool is_blind = below(g, 2) == 0;
    begin_block(g);
    fprintf(g->out, "%s%s type=%s count=%u sid=@%u %s=%u", arrow(c->circuit), is_blind ? "WRITE" : "WRITE_NOTIFY",
            wire_types[type].name, count, c->cid, is_blind ? "cid" : "ioid", is_blind ? c->cid : g->next_id++);
    if (count > 0)
        fputs(" value=[", g->out);
    for (unsigned i = 0; i < count; i++) {
        fputs(i > 0 ? " " : "", g->out);
        write_one_value(g, type);
    }
    fputs(count > 0 ? "]\n\n" : "\n\n", g->out);
    g->requests++;
}

/* ---- the rest ---- */

static void search_udp(struct generator *g)
{
    unsigned found = 0, n = 1 + below(g, 4);
    begin_block(g);
    fprintf(g->out, "udp> VERSION priority=1 minor=13 seq=%u\n", g->next_id);
    for (unsigned i = 0; i < n; i++) {
        const struct validate_record *r = &g->records->at[below(g, (unsigned)g->records->n)];
        bool is_known = below(g, 4) > 0;
        fprintf(g->out, "udp> SEARCH reply=%s minor=13 cid=%u \"%s%s\"\n", below(g, 2) ? "DOREPLY" : "DONTREPLY", g->next_id++,
                r->name, is_known ? "" : " no");
        found += is_known;
    }
    if (found > 0)
        fprintf(g->out, "udp< DATAGRAM\nudp< VERSION\nudp< %u* SEARCH\n\n", found);
    else
        fputs("udp< nothing\n\n", g->out);
    g->requests += n + 1;
}

static void search_tcp(struct generator *g, unsigned circuit)
{
    const struct validate_record *r = &g->records->at[below(g, (unsigned)g->records->n)];
    fprintf(g->out, "%sSEARCH reply=%s minor=13 cid=%u \"%s%s\"\n", arrow(circuit), below(g, 2) ? "DOREPLY" : "DONTREPLY",
            g->next_id++, r->name, below(g, 3) ? "" : ".x");
    g->requests++;
}

static void toggle_events(struct generator *g, unsigned circuit)
{
    begin_block(g);
    g->events_off[circuit] = !g->events_off[circuit];
    request(g, circuit, g->events_off[circuit] ? "EVENTS_OFF\n\n" : "EVENTS_ON\n\n");
}

/* Forget what lives on a circuit. */
static void drop_circuit(struct generator *g, unsigned circuit)
{
    for (unsigned i = g->nchannels; i-- > 0;)
        if (g->channel[i].circuit == circuit) {
            unsigned n = 0;
            for (unsigned k = 0; k < g->nsubscriptions; k++)
                if (g->subscription[k].channel != i) {
                    g->subscription[n] = g->subscription[k];
                    g->subscription[n].channel -= g->subscription[k].channel > i;
                    n++;
                }
            g->nsubscriptions = n;
            memmove(&g->channel[i], &g->channel[i + 1], (g->nchannels - i - 1) * sizeof *g->channel);
            g->nchannels--;
        }
    g->is_open[circuit] = g->events_off[circuit] = false;
}

/* A request that ends the circuit; the next ones go over a new one. */
static void end_circuit(struct generator *g, unsigned circuit)
{
    static const char *const ends[] = {"SNAPSHOT p1=1\n",
                                       "NOT_FOUND\n",
                                       "77 p1=1 p2=2\n",
                                       "ECHO size=4 payload=01020304\n",
                                       "VERSION minor=2\n",
                                       "VERSION priority=200 minor=13\n",
                                       "READ_NOTIFY type=DOUBLE count=1 sid=2147483647 ioid=1\n",
                                       "CLEAR_CHANNEL sid=2147483646 cid=1\n",
                                       "CREATE_CHAN cid=9 minor=2 \"x\"\n"};
    static const char *const channel_ends[] = {"READ_NOTIFY type=40",           "READ type=41",
                                               "EVENT_ADD mask=1 type=39",      "EVENT_ADD type=6 mask=0",
                                               "EVENT_ADD type=6 mask=512",     "EVENT_CANCEL subid=4000000000",
                                               "WRITE_NOTIFY type=60 value=[1]"};
    struct channel *c = pick_channel(g, circuit);
    begin_block(g);
    if (c != NULL && below(g, 2) == 0)
        fprintf(g->out, "%s%s count=1 sid=@%u\n", arrow(circuit), PICK(g, channel_ends), c->cid);
    else
        fprintf(g->out, "%s%s", arrow(circuit), PICK(g, ends));
    fprintf(g->out, "close %s\n", circuit == 0 ? "A" : "B");
    g->requests++;
    drop_circuit(g, circuit);
}

static void small_request(struct generator *g, unsigned circuit)
{
    static const char *const texts[] = {"ECHO p1=1 p2=2 type=3\n",
                                        "ECHO payload=0102030405060708\n",
                                        "READ_SYNC p1=5\n",
                                        "VERSION minor=13 priority=3\n",
                                        "EVENTS_ON\n",
                                        "ECHO ext\n"};
    const char *text = PICK(g, texts);
    if (strncmp(text, "EVENTS", 6) != 0 || !g->events_off[circuit])
        request(g, circuit, text);
}

static void step(struct generator *g, unsigned circuit)
{
    struct channel *c = pick_channel(g, circuit);
    unsigned chance = below(g, 100);
    if (c == NULL || chance < 6) {
        create(g, circuit);
        begin_block(g);
    } else if (chance < 42) {
        read_value(g, c);
    } else if (chance < 67) {
        put(g, c);
    } else if (chance < 79) {
        subscribe(g, c);
    } else if (chance < 83) {
        cancel(g);
    } else if (chance < 85) {
        clear_channel(g, c);
    } else if (chance < 90) {
        small_request(g, circuit);
    } else if (chance < 92) {
        search_tcp(g, circuit);
    } else if (chance < 94) {
        search_udp(g);
    } else if (chance < 96) {
        create_badly(g, circuit);
    } else if (chance < 99) {
        toggle_events(g, circuit);
    } else {
        end_circuit(g, circuit);
    }
}

char *validate_generate(const struct validate_records *records, uint64_t seed, unsigned requests)
{
    struct generator g = {.records = records, .random = seed, .next_id = 1, .next_cid = 1};
    char *text = NULL;
    size_t n = 0;
    g.out = open_memstream(&text, &n);
    if (g.out == NULL)
        return NULL;
    fprintf(g.out, "needs \"%s\"\n", records->at[0].name);
    while (g.requests < requests) {
        unsigned circuit = below(&g, 5) == 0;
        if (!g.is_open[circuit])
            open_circuit(&g, circuit);
        step(&g, circuit);
    }
    return fclose(g.out) == 0 ? text : NULL;
}
