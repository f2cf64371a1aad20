/* An order names products and quantities; a price list says what they cost; a payment takes time.
 */
#include "orders.h"

#include <jansson.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { N_PRODUCTS = 100, N_KEPT = 1000, N_LISTED = 20, MAX_ITEMS = 100, MAX_QUANTITY = 1000 };

struct order {
    int64_t id, total_cents;
    size_t n_items;
    char customer[40];
};

struct orders {
    unsigned payment_ms;
    bool parses_once;
    char *price_list; /* JSON, as the stock system sends it */
    json_t *prices;   /* the same, parsed */
    pthread_mutex_t lock;
    int64_t n_orders;          /* under the lock, */
    struct order kept[N_KEPT]; /* and these: order n is in n % N_KEPT */
};

/* ---- prices ---- */

static char *make_price_list(void)
{
    json_t *products = json_object();
    char *text, sku[16];

    for (int i = 0; i < N_PRODUCTS; i++) {
        snprintf(sku, sizeof sku, "P-%03d", i);
        json_object_set_new(products, sku,
                            json_pack("{s:s, s:i}", "name", "a product", "cents", 100 + i));
    }
    text = json_dumps(products, JSON_INDENT(2));
    json_decref(products);
    return text;
}

static int64_t price_in(const json_t *prices, const char *sku)
{
    const json_t *cents = json_object_get(json_object_get(prices, sku), "cents");

    return cents != NULL ? json_integer_value(cents) : -1;
}

/* What one piece costs; -1 when it is not sold.
 *
 * Here is the mistake that the profile shows: the whole list is parsed for every item of every
 * order.  It is easily made (the list "may have changed") and never seen in a test with one item.
 * --parse-once is the repair. */
static int64_t price_of(const struct orders *orders, const char *sku)
{
    json_t *prices;
    int64_t cents;

    if (orders->parses_once)
        return price_in(orders->prices, sku);
    prices = json_loads(orders->price_list, 0, NULL);
    cents = price_in(prices, sku);
    json_decref(prices);
    return cents;
}

/* ---- one order ---- */

static int fail(int status, const char *why, char **answer_out)
{
    json_t *answer = json_pack("{s:s}", "error", why);

    *answer_out = json_dumps(answer, JSON_COMPACT);
    json_decref(answer);
    return status;
}

/* What is wrong with the items, NULL when all is well. */
static const char *add_up(const struct orders *orders, const json_t *items, struct order *order)
{
    size_t i;
    json_t *item;

    order->n_items = json_array_size(items);
    if (order->n_items == 0 || order->n_items > MAX_ITEMS)
        return "items: a list of 1 to 100 is needed";
    json_array_foreach(items, i, item)
    {
        const char *sku = json_string_value(json_object_get(item, "sku"));
        const int64_t quantity = json_integer_value(json_object_get(item, "quantity"));
        const int64_t cents = sku != NULL ? price_of(orders, sku) : -1;
        if (cents < 0)
            return "sku: there is no such product";
        if (quantity < 1 || quantity > MAX_QUANTITY)
            return "quantity: 1 to 1000 is needed";
        order->total_cents += cents * quantity;
    }
    return NULL;
}

static const char *read_order(const struct orders *orders, const json_t *body, struct order *order)
{
    const char *customer = json_string_value(json_object_get(body, "customer"));

    if (customer == NULL || customer[0] == '\0' ||
        json_string_length(json_object_get(body, "customer")) >= sizeof order->customer)
        return "customer: a name of at most 39 bytes is needed";
    snprintf(order->customer, sizeof order->customer, "%s", customer);
    return add_up(orders, json_object_get(body, "items"), order);
}

/* Stands for a call of another service: the thread waits and uses no CPU. */
static void await_payment(unsigned milliseconds)
{
    const struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000L};

    nanosleep(&pause, NULL);
}

static void keep(struct orders *orders, struct order *order)
{
    pthread_mutex_lock(&orders->lock);
    order->id = ++orders->n_orders;
    orders->kept[order->id % N_KEPT] = *order;
    pthread_mutex_unlock(&orders->lock);
}

static json_t *as_json(const struct order *order)
{
    return json_pack("{s:I, s:s, s:I, s:I}", "id", (json_int_t)order->id, "customer",
                     order->customer, "items", (json_int_t)order->n_items, "total_cents",
                     (json_int_t)order->total_cents);
}

/* 0, or the status that the order is refused with. */
static int reserve_items(const json_t *body, orders_reserve *reserve, void *context)
{
    char *items = json_dumps(json_object_get(body, "items"), JSON_COMPACT);
    const int status = items != NULL ? reserve(context, items) : 500;

    free(items);
    return status;
}

int orders_create(struct orders *orders, const char *body, size_t n_bytes, orders_reserve *reserve,
                  void *context, char **answer_out)
{
    struct order order = {0};
    json_error_t error;
    json_t *json = json_loadb(body, n_bytes, 0, &error);
    const char *wrong = json != NULL ? read_order(orders, json, &order) : error.text;
    int refused = 0;

    if (wrong != NULL) {
        json_decref(json);
        return fail(400, wrong, answer_out);
    }
    if (reserve != NULL)
        refused = reserve_items(json, reserve, context);
    json_decref(json);
    if (refused != 0)
        return fail(refused, refused == 409 ? "not in stock" : "no answer from the inventory",
                    answer_out);
    await_payment(orders->payment_ms);
    keep(orders, &order);
    json = as_json(&order);
    *answer_out = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return 201;
}

/* ---- the list ---- */

int orders_list(struct orders *orders, char **answer_out)
{
    struct order last[N_LISTED];
    int64_t n_orders, n = 0;
    json_t *list = json_array(), *answer;

    pthread_mutex_lock(&orders->lock);
    n_orders = orders->n_orders;
    for (; n < N_LISTED && n < n_orders; n++)
        last[n] = orders->kept[(n_orders - n) % N_KEPT];
    pthread_mutex_unlock(&orders->lock);
    for (int64_t i = 0; i < n; i++)
        json_array_append_new(list, as_json(&last[i]));
    answer = json_pack("{s:I, s:o}", "n_orders", (json_int_t)n_orders, "last", list);
    *answer_out = json_dumps(answer, JSON_COMPACT);
    json_decref(answer);
    return 200;
}

/* ---- life ---- */

struct orders *orders_new(unsigned payment_ms, bool parses_once)
{
    struct orders *orders = calloc(1, sizeof *orders);

    if (orders == NULL)
        return NULL;
    json_object_seed(0); /* before there are threads, as jansson asks */
    orders->payment_ms = payment_ms;
    orders->parses_once = parses_once;
    pthread_mutex_init(&orders->lock, NULL);
    orders->price_list = make_price_list();
    if (orders->price_list != NULL)
        orders->prices = json_loads(orders->price_list, 0, NULL);
    if (orders->prices != NULL)
        return orders;
    orders_free(orders);
    return NULL;
}

void orders_free(struct orders *orders)
{
    if (orders == NULL)
        return;
    json_decref(orders->prices);
    free(orders->price_list);
    pthread_mutex_destroy(&orders->lock);
    free(orders);
}
