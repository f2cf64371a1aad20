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

/* Take the order in 'body', or list the last ones.  Any thread.  Gives the status; the JSON in
 * 'answer_out' is the caller's to free(), or NULL when there was no memory. */
int orders_create(struct orders *orders, const char *body, size_t n_bytes, char **answer_out);
int orders_list(struct orders *orders, char **answer_out);

#endif
