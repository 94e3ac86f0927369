/* A circuit under change: nodes with their truth tables over all inputs, so that any rewrite is checked by a comparison.
 *
 * Every gate is a truth table on two or three nodes.  Nodes are normal: 0 at input 0.  For gates of two inputs that leaves
 * and, or, exclusive or, and-not; whatever complement a rewrite brings in is pushed to the outputs, where it cancels. */
#ifndef NET_H
#define NET_H

#include <stdbool.h>
#include <stdint.h>

#ifdef WIDE /* 256 inputs: SM4 */
typedef uint64_t tt __attribute__((vector_size(32)));
#define TT(x) ((tt){(x), (x), (x), (x)})
static inline bool none(tt x) { return (x[0] | x[1] | x[2] | x[3]) == 0; }
static inline uint64_t word(tt x, int i) { return x[i]; }
enum { WORDS = 4 };
#else /* 64 inputs: DES */
typedef uint64_t tt;
#define TT(x) ((uint64_t)(x))
static inline bool none(tt x) { return x == 0; }
static inline uint64_t word(tt x, int i) { return i == 0 ? x : 0; }
enum { WORDS = 1 };
#endif

static inline bool same(tt x, tt y) { return none(x ^ y); }

/* No way out of the loop, so that compilers make vector code of it: most of the time is spent in such loops. */
static inline bool any_equal(const tt *list, int from, int to, tt x, tt y) {
    int hits = 0;
    for (int i = from; i < to; i++) hits |= (int)same(list[i], x) | (int)same(list[i], y);
    return hits;
}

enum { INPUTS_MAX = 8, NODES_MAX = 250, OUTPUTS_MAX = 8, NAME_MAX = 8, CONSTANT = NODES_MAX };

/* Bit 4a + 2b + c of a table is its value at a, b, c; a gate of two inputs has b twice. */
typedef struct {
    uint8_t table;
    uint8_t in[3];
} gate;

typedef struct {
    int inputs, outputs, count; /* count: inputs and gates */
    int out[OUTPUTS_MAX];
    gate gates[NODES_MAX + 2]; /* two places for a rewrite */
    tt value[NODES_MAX + 2];
} net;

/* In all of `from`, node `at` becomes node `by`, complemented or not. */
typedef struct {
    int at, by;
    bool complement;
} change;

extern int arity;  /* 2 or 3: the family */
extern bool eager; /* take at once what saves a gate: quick at first, but long walks come lower without */

uint64_t rng_next(void);
void rng_seed(uint64_t seed);
static inline int rnd(int n) { return (int)((rng_next() >> 33) % (uint64_t)n); }

tt gate_value(const net *n, gate g);
void net_add(net *n, gate g); /* at the end, beyond the count */
bool net_read(net *n, char *family, char *name);
void net_print(const net *n, const char *family, const char *name);

/* `to` becomes `from` after the change, without gates that nothing needs or that are there twice; false: too large. */
bool net_rebuild(net *to, const net *from, change c);

/* The inputs where a complement of node `at` shows in an output; `after` gets the nodes that depend on it, and it. */
tt net_care(const net *n, int at, bool *after);

/* How many gates only serve node `at`, itself included; `dying` gets them. */
int net_cone(const net *n, int at, bool *dying);

/* A rewrite of node `at`, its new gates appended to n beyond the count; `up`: it may add a gate; false: none found. */
bool propose(net *n, int at, bool up, change *c);

#endif
