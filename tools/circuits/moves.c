/* Rewrites of one node: any gate, or two, that give what the outputs need of it. */
#include "net.h"

/* One gate of many, each equally likely; with `eager` any that leaves the dying nodes alone before those that do not. */
typedef struct {
    const bool *dying;
    gate not; /* never this one */
    int seen;
    bool clean;
    gate chosen;
} lot;

static void draw(lot *l, uint8_t table, int a, int b, int c) {
    bool clean = eager && !l->dying[a] && !l->dying[b] && !l->dying[c];
    if (clean < l->clean) return;
    if (table == l->not.table && a == l->not.in[0] && b == l->not.in[1] && c == l->not.in[2]) return;
    if (clean > l->clean) l->seen = 0;
    l->clean = clean;
    if (rnd(++l->seen) == 0) l->chosen = (gate){table, {(uint8_t)a, (uint8_t)b, (uint8_t)c}};
}

/* -------------------------------------------------------- two inputs */

/* Gates a product of two literals makes: each a node or its complement. */
static const uint8_t PRODUCT[2][2] = {{0xC0, 0x30}, {0x0C, 0x03}};

static bool any_disjoint(const tt *list, int from, int to, tt x) {
    int hits = 0;
    for (int i = from; i < to; i++) hits |= none(list[i] & x);
    return hits;
}

static void draw_products(const net *n, const int *nodes, int count, tt target, tt care, bool complement, lot *l) {
    int literal[2 * NODES_MAX + 4], found = 0;
    tt outside[2 * NODES_MAX + 4]; /* where the literal is 1 and the target 0 */
    for (int i = 0; i < count; i++) {
        tt value = n->value[nodes[i]];
        if (none(target & ~value)) {
            outside[found] = value & care & ~target;
            literal[found++] = 2 * nodes[i];
        }
        if (none(target & value)) {
            outside[found] = ~value & care & ~target;
            literal[found++] = 2 * nodes[i] + 1;
        }
    }
    for (int i = 0; i < found; i++) {
        if (!any_disjoint(outside, i + 1, found, outside[i])) continue;
        for (int j = i + 1; j < found; j++) {
            if (!none(outside[i] & outside[j])) continue;
            int a = literal[i] >> 1, b = literal[j] >> 1;
            uint8_t table = PRODUCT[literal[i] & 1][literal[j] & 1];
            draw(l, complement ? (uint8_t)~table : table, a, b, b);
        }
    }
}

static bool find_two(const net *n, const int *nodes, int count, tt target, tt care, lot *l) {
    tt on = target & care, off = ~target & care;
    draw_products(n, nodes, count, on, care, false, l);
    draw_products(n, nodes, count, off, care, true, l);
    tt masked[NODES_MAX];
    for (int i = 0; i < count; i++) masked[i] = n->value[nodes[i]] & care;
    for (int i = 0; i < count; i++) {
        tt rest = masked[i] ^ on, other = rest ^ care;
        if (!any_equal(masked, i + 1, count, rest, other)) continue;
        for (int j = i + 1; j < count; j++) {
            if (same(masked[j], rest)) draw(l, 0x3C, nodes[i], nodes[j], nodes[j]);
            else if (same(masked[j], other)) draw(l, 0xC3, nodes[i], nodes[j], nodes[j]);
        }
    }
    return l->seen > 0;
}

/* ------------------------------------------------------ three inputs */

/* A table that is right where the outputs care and random elsewhere; false: there is none. */
static bool draw_table(tt a, tt b, tt c, tt on, tt off, uint8_t *table) {
    uint8_t wild = (uint8_t)rnd(256);
    *table = 0;
    for (int i = 0; i < 8; i++) {
        tt cell = (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
        bool one = !none(cell & on), zero = !none(cell & off);
        if (one && zero) return false;
        if (one || (!zero && wild >> i & 1)) *table |= (uint8_t)(1 << i);
    }
    return true;
}

/* Up to 64 pairs of inputs of which the target is 1 at one and 0 at the other: some operand has to differ there.  A word per
 * node says at which pairs it does; that rules nearly all triples out by two operations. */
typedef struct {
    uint64_t all, differs[NODES_MAX];
} witnesses;

static inline tt turned(tt x, int by) { return (x >> by) | (x << (64 - by)); }

/* The bits of x that the mask selects, close together. */
static uint64_t packed(uint64_t x, uint64_t mask) {
#ifdef __BMI2__
    return __builtin_ia32_pext_di(x, mask);
#else
    uint64_t result = 0;
    for (int at = 0; mask; mask &= mask - 1) result |= (x >> __builtin_ctzll(mask) & 1) << at++;
    return result;
#endif
}

static void gather(witnesses *w, const net *n, const int *nodes, int count, tt on, tt off) {
    int filled = 0;
    for (int i = 0; i < count; i++) w->differs[i] = 0;
    for (int by = 11; by != 0 && filled < 64; by = (by + 11) % 64) { /* every distance, near ones far apart */
        tt pairs = on & turned(off, by);
        for (int k = 0; k < WORDS && filled < 64; k++) {
            uint64_t mask = word(pairs, k);
            if (!mask) continue;
            for (int i = 0; i < count; i++) {
                uint64_t x = word(n->value[nodes[i]], k);
                w->differs[i] |= packed(x ^ (x >> by | x << (64 - by)), mask) << filled;
            }
            filled += __builtin_popcountll(mask);
        }
    }
    w->all = filled < 64 ? ((uint64_t)1 << filled) - 1 : ~(uint64_t)0;
}

static void draw_triple(const net *n, int a, int b, int c, tt on, tt off, lot *l) {
    uint8_t table;
    if (draw_table(n->value[a], n->value[b], n->value[c], on, off, &table)) draw(l, table, a, b, c);
}

static bool find_three(const net *n, const int *nodes, int count, tt target, tt care, lot *l) {
    tt on = target & care, off = ~target & care;
    witnesses w;
    gather(&w, n, nodes, count, on, off);
    for (int i = 0; i < count; i++)
        for (int j = i + 1; j < count; j++) {
            uint64_t need = w.all & ~(w.differs[i] | w.differs[j]);
            if (need == 0) draw_triple(n, nodes[i], nodes[j], nodes[j], on, off, l);
            int hits = 0;
            for (int k = j + 1; k < count; k++) hits |= (need & ~w.differs[k]) == 0;
            for (int k = j + 1; hits && k < count; k++)
                if ((need & ~w.differs[k]) == 0) draw_triple(n, nodes[i], nodes[j], nodes[k], on, off, l);
        }
    return l->seen > 0;
}

/* ------------------------------------------------------------ either */

static int allowed(const net *n, const bool *avoid, int *nodes) {
    int count = 0;
    for (int i = 0; i < n->count; i++)
        if (!avoid[i]) nodes[count++] = i;
    return count;
}

/* A gate on nodes outside `avoid` which is `target` wherever `care`, a random one of all; false: none. */
static bool find_gate(const net *n, const bool *avoid, tt target, tt care, lot *l) {
    int nodes[NODES_MAX] = {0}, count = allowed(n, avoid, nodes);
    return arity == 2 ? find_two(n, nodes, count, target, care, l) : find_three(n, nodes, count, target, care, l);
}

/* A node that will do in place of `at`, or its complement. */
static bool propose_node(const net *n, const bool *avoid, tt care, change *c) {
    int seen = 0;
    tt target = n->value[c->at];
    for (int i = 0; i < n->count; i++) {
        if (avoid[i]) continue;
        tt differs = (n->value[i] ^ target) & care;
        bool complement = same(differs, care);
        if ((none(differs) || complement) && rnd(++seen) == 0) {
            c->by = i;
            c->complement = complement;
        }
    }
    return seen > 0;
}

/* target = literal of a random node, with another gate: what is that gate to be, and where does it matter? */
static bool propose_two_with_two(net *n, const bool *avoid, tt target, tt care) {
    int nodes[NODES_MAX], count = allowed(n, avoid, nodes), options[6 * NODES_MAX], found = 0;
    tt on = target & care, off = ~target & care;
    for (int i = 0; i < count; i++) {
        tt value = n->value[nodes[i]];
        options[found++] = 6 * nodes[i];
        if (none(on & ~value)) options[found++] = 6 * nodes[i] + 1;  /* target = node & gate */
        if (none(on & value)) options[found++] = 6 * nodes[i] + 2;   /* ~node & gate */
        if (none(off & ~value)) options[found++] = 6 * nodes[i] + 3; /* ~(node & ~gate) */
        if (none(off & value)) options[found++] = 6 * nodes[i] + 4;  /* ~(~node & ~gate) */
    }
    static const uint8_t OUTER[5] = {0x3C, 0xC0, 0x0C, 0xCF, 0xFC};
    for (int tries = 0; tries < 8; tries++) {
        int option = options[rnd(found)], node = option / 6, kind = option % 6;
        tt value = n->value[node], wanted = kind == 0 ? target ^ value : target;
        tt matters = kind == 0 ? care : kind == 1 || kind == 3 ? care & value : care & ~value;
        lot inner = {.dying = avoid};
        if (none(matters) || !find_gate(n, avoid, wanted, matters, &inner)) continue;
        int at = n->count;
        n->gates[at] = inner.chosen;
        n->value[at] = gate_value(n, inner.chosen);
        n->gates[at + 1] = (gate){OUTER[kind], {(uint8_t)node, (uint8_t)at, (uint8_t)at}};
        n->value[at + 1] = gate_value(n, n->gates[at + 1]);
        return true;
    }
    return false;
}

/* target = a gate of two random nodes and another gate: that one must tell apart what the two leave together. */
static bool propose_two_with_three(net *n, const bool *avoid, tt target, tt care) {
    int nodes[NODES_MAX], count = allowed(n, avoid, nodes);
    tt on = target & care, off = ~target & care;
    for (int tries = 0; tries < 3; tries++) {
        int one = nodes[rnd(count)], two = nodes[rnd(count)];
        tt a = n->value[one], b = n->value[two], wanted = TT(0), matters = TT(0);
        for (int k = 0; k < 4; k++) {
            tt cell = (k & 2 ? a : ~a) & (k & 1 ? b : ~b);
            if (none(cell & on) || none(cell & off)) continue;
            matters |= cell & care;
            wanted |= rnd(2) ? cell & on : cell & off;
        }
        lot inner = {.dying = avoid};
        gate outer = {0, {(uint8_t)one, (uint8_t)two, (uint8_t)n->count}};
        if (none(matters) || !find_gate(n, avoid, wanted, matters, &inner)) continue;
        int at = n->count;
        n->gates[at] = inner.chosen;
        n->value[at] = gate_value(n, inner.chosen);
        if (!draw_table(a, b, n->value[at], on, off, &outer.table)) continue;
        n->gates[at + 1] = outer;
        n->value[at + 1] = gate_value(n, outer);
        return true;
    }
    return false;
}

bool propose(net *n, int at, bool up, change *c) {
    bool avoid[NODES_MAX + 2], dying[NODES_MAX + 2];
    tt care = net_care(n, at, avoid), target = n->value[at];
    int cone = net_cone(n, at, dying);
    *c = (change){at, at, false};
    if (propose_node(n, avoid, care, c)) return true;
    lot l = {.dying = dying, .not = n->gates[at]};
    bool two = cone > 1 ? rnd(4) == 0 : up;
    if (!two) {
        if (!find_gate(n, avoid, target, care, &l)) return false;
        c->by = n->count;
        n->gates[n->count] = l.chosen;
        n->value[n->count] = gate_value(n, l.chosen);
        return true;
    }
    for (int i = 0; i < n->count; i++) dying[i] = avoid[i] || (eager && dying[i]);
    c->by = n->count + 1;
    return arity == 2 ? propose_two_with_two(n, dying, target, care) : propose_two_with_three(n, dying, target, care);
}
