/* A list of orders as JSON, made item by item or in one batch, with jansson.
 *
 *     json_batch item|batch [REQUESTS [ORDERS]]
 *
 * Both give the same bytes; the last line is their sum, so that this can be seen. */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct order {
    int id, quantity;
    double price;
    const char *customer, *product;
};

static void *checked(void *memory)
{
    if (memory == NULL) {
        (void)fprintf(stderr, "json_batch: no memory\n");
        exit(1);
    }
    return memory;
}

static struct order *make_orders(int n)
{
    static const char *const customers[] = {"Ada", "Grace", "Edsger", "Barbara", "Donald"};
    static const char *const products[] = {"lamp", "bookshelf", "kettle"};
    struct order *orders = checked(calloc((size_t)n, sizeof *orders));

    for (int i = 0; i < n; i++)
        orders[i] = (struct order){.id = 1000 + i,
                                   .quantity = 1 + i % 7,
                                   .price = (i * 37 % 1000) / 4.0,
                                   .customer = customers[i % 5],
                                   .product = products[i % 3]};
    return orders;
}

static json_t *order_to_json(const struct order *order)
{
    json_t *object = checked(json_object());

    json_object_set_new(object, "id", json_integer(order->id));
    json_object_set_new(object, "customer", json_string(order->customer));
    json_object_set_new(object, "product", json_string(order->product));
    json_object_set_new(object, "quantity", json_integer(order->quantity));
    json_object_set_new(object, "price", json_real(order->price));
    return object;
}

/* ---- item by item: each order becomes a text, and the texts become one ---- */

static char *append(char *text, const char *more)
{
    const size_t n_bytes = strlen(text) + strlen(more) + 1;

    text = checked(realloc(text, n_bytes));
    return strcat(text, more);
}

static char *orders_by_item(const struct order *orders, int n)
{
    char *text = checked(strdup("["));

    for (int i = 0; i < n; i++) {
        json_t *object = order_to_json(&orders[i]);
        char *one = checked(json_dumps(object, JSON_COMPACT));
        if (i > 0)
            text = append(text, ",");
        text = append(text, one);
        free(one);
        json_decref(object);
    }
    return append(text, "]");
}

/* ---- in one batch: one array, made a text once ---- */

static char *orders_in_batch(const struct order *orders, int n)
{
    json_t *array = checked(json_array());
    char *text;

    for (int i = 0; i < n; i++)
        json_array_append_new(array, order_to_json(&orders[i]));
    text = checked(json_dumps(array, JSON_COMPACT));
    json_decref(array);
    return text;
}

static uint64_t sum_of(const char *text)
{
    uint64_t sum = 14695981039346656037u; /* FNV-1a */

    for (; *text != '\0'; text++)
        sum = (sum ^ (unsigned char)*text) * 1099511628211u;
    return sum;
}

int main(int argc, char **argv)
{
    const int n_requests = argc > 2 ? atoi(argv[2]) : 200;
    const int n_orders = argc > 3 ? atoi(argv[3]) : 1000;
    struct order *orders;
    uint64_t sum = 0;

    if (argc < 2 || (strcmp(argv[1], "item") != 0 && strcmp(argv[1], "batch") != 0) ||
        n_requests < 1 || n_orders < 1) {
        (void)fprintf(stderr, "usage: json_batch item|batch [REQUESTS [ORDERS]]\n");
        return 2;
    }
    orders = make_orders(n_orders);
    for (int i = 0; i < n_requests; i++) {
        char *text = argv[1][0] == 'i' ? orders_by_item(orders, n_orders)
                                       : orders_in_batch(orders, n_orders);
        sum += sum_of(text);
        free(text);
    }
    free(orders);
    printf("%d answers of %d orders, sum %016llx\n", n_requests, n_orders, (unsigned long long)sum);
    return 0;
}
