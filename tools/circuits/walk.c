/* Makes a circuit smaller by random walks over circuits of the same function.
 *
 * usage: walk WALKERS ROUNDS STEPS SEED [SLACK RISE [EAGER]] < circuit
 *
 * A step rewrites one gate at random.  Circuits of the same size are as good as the one before: so a walk drifts, and now
 * and then a rewrite saves a gate.  One step in RISE may add a gate, up to SLACK above the smallest circuit of the walk.
 * After each round of STEPS steps the worst quarter of the walkers goes on from where the best quarter was best.
 */
#include "net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WALKERS_MAX = 64 };

typedef struct {
    net at, best;
} walker;

static walker walkers[WALKERS_MAX];

static void walk(walker *w, long steps, int slack, int rise) {
    static net spare;
    net *now = &w->at, *next = &spare;
    for (long step = 0; step < steps; step++) {
        int at = now->inputs + rnd(now->count - now->inputs);
        bool up = now->count < w->best.count + slack && rnd(rise) == 0;
        change c;
        if (!propose(now, at, up, &c)) continue;
        if (!net_rebuild(next, now, c) || (next->count > now->count && !up)) continue;
        net *swap = now;
        now = next;
        next = swap;
        if (now->count < w->best.count) w->best = *now;
    }
    if (now != &w->at) w->at = *now;
}

static int by_size(const void *a, const void *b) { return ((const walker *)a)->best.count - ((const walker *)b)->best.count; }

int main(int argc, char **argv) {
    if (argc < 5) return 2;
    int count = atoi(argv[1]), rounds = atoi(argv[2]);
    long steps = atol(argv[3]);
    int slack = argc > 5 ? atoi(argv[5]) : 5, rise = argc > 6 ? atoi(argv[6]) : 50;
    eager = argc <= 7 || atoi(argv[7]) != 0;
    char family[NAME_MAX], name[NAME_MAX];
    static net start;
    if (count < 1 || count > WALKERS_MAX || !net_read(&start, family, name)) return 2;
    arity = strcmp(family, "lut3") == 0 ? 3 : 2;
    rng_seed(strtoull(argv[4], NULL, 10));
    for (int i = 0; i < count; i++) {
        if (!net_rebuild(&walkers[i].at, &start, (change){0, 0, false})) return 2;
        walkers[i].best = walkers[i].at;
    }
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < count; i++) walk(&walkers[i], steps, slack, rise);
        qsort(walkers, (size_t)count, sizeof *walkers, by_size);
        for (int i = 0; i < count / 4; i++) {
            walker *worst = &walkers[count - 1 - i];
            worst->best = worst->at = walkers[i].best;
        }
        if (getenv("WALK_SHOW")) {
            fprintf(stderr, "%s %s round %d:", family, name, round + 1);
            for (int i = 0; i < count; i++) fprintf(stderr, " %d", walkers[i].best.count - start.inputs);
            fprintf(stderr, "\n");
        }
    }
    net_print(&walkers[0].best, family, name);
    return 0;
}
