/* Puts the gates of a circuit in an order that keeps few values alive, for machines with sixteen registers.
 *
 * usage: order STEPS SEED < circuit
 *
 * A value is alive from its gate, an input from the start, to the last gate that takes it; that gate's result may have the
 * place of it.  An output is stored at once.  The order is annealed: one gate at a time moves to another place between its
 * operands and its users; what counts is the most values alive at once, then the sum over all gates.
 */
#include "net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static net circuit;

/* Lower is better. */
static int cost(const int *order, int gates) {
    int last[NODES_MAX], inputs = circuit.inputs, alive = inputs, most = inputs, sum = 0;
    for (int i = 0; i < circuit.count; i++) last[i] = -1;
    for (int t = 0; t < gates; t++)
        for (int k = 0; k < 3; k++) last[circuit.gates[order[t]].in[k]] = t;
    for (int t = 0; t < gates; t++) {
        const uint8_t *in = circuit.gates[order[t]].in;
        for (int k = 0; k < 3; k++)
            if (last[in[k]] == t) {
                alive--;
                last[in[k]] = gates; /* once, though it may be there twice */
            }
        if (++alive > most) most = alive;
        sum += alive;
        if (last[order[t]] < 0) alive--;
    }
    return most * 40 + sum;
}

static bool uses(int node, int operand) {
    const uint8_t *in = circuit.gates[node].in;
    return in[0] == operand || in[1] == operand || in[2] == operand;
}

static void move(int *order, int from, int to) {
    int node = order[from];
    if (from < to) memmove(order + from, order + from + 1, sizeof *order * (size_t)(to - from));
    else memmove(order + to + 1, order + to, sizeof *order * (size_t)(from - to));
    order[to] = node;
}

static void renumber(net *to, const int *order, int gates) {
    int place[NODES_MAX];
    *to = circuit;
    for (int i = 0; i < circuit.inputs; i++) place[i] = i;
    for (int t = 0; t < gates; t++) place[order[t]] = circuit.inputs + t;
    for (int t = 0; t < gates; t++) {
        gate g = circuit.gates[order[t]];
        for (int k = 0; k < 3; k++) g.in[k] = (uint8_t)place[g.in[k]];
        to->gates[circuit.inputs + t] = g;
    }
    for (int o = 0; o < circuit.outputs; o++) to->out[o] = place[circuit.out[o]];
}

int main(int argc, char **argv) {
    char family[NAME_MAX], name[NAME_MAX];
    if (argc != 3 || !net_read(&circuit, family, name)) return 2;
    long steps = atol(argv[1]);
    rng_seed(strtoull(argv[2], NULL, 10));
    arity = strcmp(family, "lut3") == 0 ? 3 : 2;
    int gates = circuit.count - circuit.inputs, order[NODES_MAX], best[NODES_MAX];
    for (int t = 0; t < gates; t++) order[t] = best[t] = circuit.inputs + t;
    int now = cost(order, gates), least = now;
    for (long step = 0; step < steps; step++) {
        int heat = (int)(64 * (steps - step) / steps);
        int from = rnd(gates), low = from, high = from;
        while (low > 0 && !uses(order[from], order[low - 1])) low--;
        while (high < gates - 1 && !uses(order[high + 1], order[from])) high++;
        int to = low + rnd(high - low + 1);
        move(order, from, to);
        int then = cost(order, gates);
        if (then > now && then - now > rnd(1 + rnd(heat + 1))) { /* mostly small steps up; integers, the same everywhere */
            move(order, to, from);
            continue;
        }
        now = then;
        if (now < least) {
            least = now;
            memcpy(best, order, sizeof best);
        }
    }
    static net result;
    renumber(&result, best, gates);
    net_print(&result, family, name);
    return 0;
}
