/* Orders: what they cost, and where the last ones are kept.  Knows nothing of HTTP but its status
 * codes. */
#ifndef ORDERS_ORDERS_H
#define ORDERS_ORDERS_H

#include <stdbool.h>
#include <stddef.h>

struct orders;

/* 'payment_ms' is how long the payment service keeps us waiting, 'parses_once' is explained at
 * price_of().  NULL when there is no memory. */
struct orders *orders_new(unsigned payment_ms, bool parses_once);
void orders_free(struct orders *orders);

/* Asks for the items of an order (JSON) to be put aside: 0, or the status that the order is refused
 * with. */
typedef int orders_reserve(void *context, const char *items);

/* Take the order in 'body' ('reserve' is called for its items where it is not NULL), or list the
 * last ones.  Any thread.  Gives the status; the JSON in 'answer_out' is the caller's to free(), or
 * NULL when there was no memory. */
int orders_create(struct orders *orders, const char *body, size_t n_bytes, orders_reserve *reserve,
                  void *context, char **answer_out);
int orders_list(struct orders *orders, char **answer_out);

#endif
