/* Who hears what an exporter has to say: the library itself never prints. */
#ifndef PP_EXPORT_TELLER_H
#define PP_EXPORT_TELLER_H

struct pp_teller {
    void (*tell)(void *context, const char *line); /* NULL: nobody; any thread of ours */
    void *context;
};

void pp_tell(const struct pp_teller *teller, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
