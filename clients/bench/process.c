#include "clients/bench/process.h"

#include "base/child.h"
#include "clients/bench/hardware.h"

#include <assert.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MAX (UINT64_C(64) << 20)
#define LOOK_NS    (CLOCK_NS / 40) /* between two looks at the UDP sockets of a client that is not sampled */

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

/* Blocked everywhere but in ppoll(), so that none is missed between a test and a wait. */
void bench_interrupt_catch(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction before, action = {.sa_handler = on_signal};
        if (sigaction(numbers[i], NULL, &before) < 0 || (numbers[i] == SIGHUP && before.sa_handler == SIG_IGN)) /* nohup */
            continue;
        sigaction(numbers[i], &action, NULL);
        sigaddset(&set, numbers[i]);
    }
    sigprocmask(SIG_BLOCK, &set, NULL);
}

bool bench_interrupted(void)
{
    return interrupted != 0;
}

static int wait_for(struct pollfd *fds, nfds_t n, uint64_t ns)
{
    struct timespec t = {(time_t)(ns / CLOCK_NS), (long)(ns % CLOCK_NS)};
    sigset_t none;
    sigemptyset(&none);
    return ppoll(fds, n, &t, &none);
}

bool bench_wait_readable(int fd, uint64_t until_ns)
{
    struct pollfd watched = {fd, POLLIN, 0};
    for (uint64_t now; (now = clock_monotonic_ns()) < until_ns && !interrupted;)
        if (wait_for(&watched, 1, until_ns - now) > 0)
            return true;
    return false;
}

int bench_reap(pid_t pid, uint64_t patience_ns)
{
    int status = 0, end = pidfd_open(pid, 0);
    if (end < 0 || !bench_wait_readable(end, clock_monotonic_ns() + patience_ns))
        kill(pid, SIGKILL);
    if (end >= 0)
        close(end);
    waitpid(pid, &status, 0);
    return status;
}

/* ---- start ---- */

static void on_born(pid_t pid, void *arg)
{
    struct bench_process *p = arg;
    p->counter = hardware_open(&hardware_instructions, pid);
}

static int spawn(struct bench_process *p, struct diag *diag)
{
    int out[2] = {-1, -1}, err[2] = {-1, -1}, nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    p->pid = -1;
    if (nothing < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
        diag_errno(diag, DIAG_ENVIRONMENT, "cannot start %s: pipe", p->spec.argv[0]);
    else
        p->pid = child_spawn(&(struct child_spec){.argv = p->spec.argv,
                                                  .own_group = true,
                                                  .env = p->spec.env,
                                                  .cores = &p->spec.cores,
                                                  .nofile = BENCH_NOFILE,
                                                  .in = nothing,
                                                  .out = out[1],
                                                  .err = err[1],
                                                  .on_born = on_born,
                                                  .arg = p},
                             diag);
    close(nothing);
    close(out[1]);
    close(err[1]);
    p->out = out[0];
    p->err = err[0];
    return p->pid < 0 ? -1 : 0;
}

int bench_process_start(struct bench_process *p, const struct bench_process_spec *spec, struct diag *diag)
{
    memset(p, 0, sizeof *p);
    p->spec = *spec;
    p->end = p->counter = -1;
    p->instructions = NAN;
    p->deadline_ns = clock_monotonic_ns() + spec->timeout_ns;
    p->look_ns = spec->samples == 0 && !spec->unseen ? clock_monotonic_ns() + LOOK_NS : CLOCK_NEVER;
    if (spawn(p, diag) < 0) {
        bench_process_fini(p);
        return -1;
    }
    fcntl(p->out, F_SETFL, O_NONBLOCK);
    fcntl(p->err, F_SETFL, O_NONBLOCK);
    p->end = pidfd_open(p->pid, 0);
    if (p->end >= 0)
        return 0;
    diag_errno(diag, DIAG_ENVIRONMENT, "cannot watch %s: pidfd_open (Linux 5.3 or newer is needed)", spec->argv[0]);
    kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
    bench_process_fini(p);
    return -1;
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void bench_process_fini(struct bench_process *p)
{
    close_one(&p->out);
    close_one(&p->err);
    close_one(&p->end);
    close_one(&p->counter);
    free(p->answer);
    p->answer = NULL;
}

/* ---- what it says ---- */

static void look(struct bench_process *p)
{
    if (p->spec.unseen)
        return;
    bench_read_drops(p->pid, &p->drops);
    bench_read_held(p->pid, &p->held);
}

static bool make_room(struct bench_process *p)
{
    if (p->room - p->answer_bytes > 1)
        return true;
    size_t room = p->room == 0 ? 65536 : 2 * p->room;
    char *bigger = room > ANSWER_MAX ? NULL : realloc(p->answer, room);
    if (bigger == NULL)
        return false;
    p->answer = bigger;
    p->room = room;
    return true;
}

static void on_answer(struct bench_process *p)
{
    ssize_t n = -1;
    bool room;
    while ((room = make_room(p)) && (n = read(p->out, p->answer + p->answer_bytes, p->room - p->answer_bytes - 1)) > 0) {
        p->answer_bytes += (size_t)n;
        p->answer[p->answer_bytes] = '\0';
        if (p->answer[p->answer_bytes - 1] == '\n') /* its last word: its sockets are gone soon */
            look(p);
    }
    if (!room || n == 0)
        close_one(&p->out);
}

static void on_line(struct bench_process *p, uint64_t now_ns)
{
    p->word[p->said_bytes] = '\0';
    p->said_bytes = 0;
    if (p->spec.samples > 0 && strcmp(p->word, BENCH_MONITORING) == 0)
        p->look_ns = now_ns + p->spec.warmup_ns;
    else if (p->word[0] != '\0') {
        memcpy(p->said, p->word, sizeof p->said);
        memmove(p->tail[0], p->tail[1], sizeof p->tail - sizeof p->tail[0]);
        memcpy(p->tail[BENCH_TAIL_LINES - 1], p->word, sizeof p->word);
    }
}

static void on_words(struct bench_process *p, uint64_t now_ns)
{
    char part[4096];
    ssize_t n;
    while ((n = read(p->err, part, sizeof part)) > 0)
        for (ssize_t i = 0; i < n; i++)
            if (part[i] == '\n')
                on_line(p, now_ns);
            else if (p->said_bytes + 1 < sizeof p->word)
                p->word[p->said_bytes++] = part[i];
    if (n == 0)
        close_one(&p->err);
}

void bench_process_words(const struct bench_process *p, char words[BENCH_WORDS_BYTES])
{
    size_t n = 0;
    words[0] = '\0';
    for (unsigned i = 0; i < BENCH_TAIL_LINES; i++)
        if (p->tail[i][0] != '\0')
            n += (size_t)snprintf(words + n, BENCH_WORDS_BYTES - n, "%s%s", n > 0 ? " | " : "", p->tail[i]);
}

/* ---- what it uses ---- */

static void add_sample(struct bench_samples *samples, double value)
{
    if (samples->n < BENCH_SAMPLES_MAX)
        samples->at[samples->n++] = value;
}

/* At the begin of the first second, and at the end of each. */
static void sample(struct bench_process *p)
{
    uint64_t cpu_ns, now_ns = clock_monotonic_ns();
    struct bench_memory memory;
    if (!clock_process_cpu_ns(p->pid, &cpu_ns) || !bench_read_memory(p->pid, &memory)) {
        p->look_ns = CLOCK_NEVER;
        return;
    }
    if (p->rss.n > 0)
        add_sample(&p->cpu, 100.0 * (double)(cpu_ns - p->cpu_ns) / (double)(now_ns - p->cpu_at_ns));
    add_sample(&p->rss, (double)memory.now);
    p->rss_peak = memory.peak;
    p->cpu_ns = cpu_ns;
    p->cpu_at_ns = now_ns;
    p->look_ns = p->cpu.n < p->spec.samples ? p->look_ns + CLOCK_NS : CLOCK_NEVER;
}

static void on_time(struct bench_process *p, uint64_t now_ns)
{
    if (now_ns >= p->look_ns) {
        if (p->spec.samples > 0)
            sample(p);
        else
            p->look_ns = now_ns + LOOK_NS;
        look(p);
    }
    if (now_ns >= p->deadline_ns || interrupted) {
        p->timed_out = true;
        p->deadline_ns = CLOCK_NEVER;
        kill(-p->pid, SIGKILL); /* its group: also what a tool runs for us */
    }
}

/* ---- the loop ---- */

/* What a grandchild of its still writes is not waited for. */
static void on_end(struct bench_process *p, uint64_t now_ns)
{
    if (p->out >= 0)
        on_answer(p);
    if (p->err >= 0)
        on_words(p, now_ns);
    if (p->said_bytes > 0)
        on_line(p, now_ns);
    wait4(p->pid, &p->status, 0, &p->used);
    p->instructions = hardware_read(p->counter);
    close_one(&p->out);
    close_one(&p->err);
    close_one(&p->end);
}

static uint64_t next_ns(const struct bench_process *p, size_t n)
{
    uint64_t next = CLOCK_NEVER;
    for (size_t i = 0; i < n; i++)
        if (p[i].end >= 0) {
            uint64_t own = p[i].look_ns < p[i].deadline_ns ? p[i].look_ns : p[i].deadline_ns;
            next = own < next ? own : next;
        }
    return next;
}

static bool any_runs(const struct bench_process *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i].end >= 0)
            return true;
    return false;
}

static void turn(struct bench_process *p, size_t n, struct pollfd *fds)
{
    for (size_t i = 0; i < n; i++) {
        fds[3 * i] = (struct pollfd){p[i].out, POLLIN, 0};
        fds[3 * i + 1] = (struct pollfd){p[i].err, POLLIN, 0};
        fds[3 * i + 2] = (struct pollfd){p[i].end, POLLIN, 0};
    }
    uint64_t now_ns = clock_monotonic_ns(), next = next_ns(p, n);
    if (wait_for(fds, 3 * n, next > now_ns ? next - now_ns : 0) < 0)
        for (size_t i = 0; i < 3 * n; i++)
            fds[i].revents = 0;
    now_ns = clock_monotonic_ns();
    for (size_t i = 0; i < n; i++) {
        if (fds[3 * i].revents != 0)
            on_answer(&p[i]);
        if (fds[3 * i + 1].revents != 0)
            on_words(&p[i], now_ns);
        if (fds[3 * i + 2].revents != 0)
            on_end(&p[i], now_ns);
        else if (p[i].end >= 0)
            on_time(&p[i], now_ns);
    }
}

static struct bench_own own_now(void)
{
    struct bench_own now = {.wall_ns = clock_monotonic_ns()};
    clock_process_cpu_ns(getpid(), &now.cpu_ns);
    return now;
}

void bench_process_wait(struct bench_process *p, size_t n, struct bench_own *own)
{
    struct pollfd fds[3 * BENCH_AT_ONCE];
    const struct bench_own before = own_now();
    assert(n <= BENCH_AT_ONCE);
    while (any_runs(p, n))
        turn(p, n, fds);
    if (own == NULL)
        return;
    const struct bench_own after = own_now();
    own->cpu_ns += after.cpu_ns - before.cpu_ns;
    own->wall_ns += after.wall_ns - before.wall_ns;
}
