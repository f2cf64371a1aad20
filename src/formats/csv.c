/* Comma-separated values (RFC 4180) for spreadsheets: a function a line, hottest first, of one
 * sample type.  Numbers are plain: a value is in the unit that the head names. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/json_writer.h"
#include "base/numbers.h"
#include "formats/formats.h"
#include "profile/top.h"

/* A spreadsheet takes what begins like these for a formula, and may run it. */
static bool begins_formula(const char *text)
{
    return text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL;
}

static void put_text(struct pp_buffer *out, const char *text)
{
    const bool is_quoted = text[strcspn(text, ",\"\r\n")] != '\0' || begins_formula(text);

    if (!is_quoted) {
        pp_buffer_text(out, text);
        return;
    }
    pp_buffer_append(out, "\"", 1);
    if (begins_formula(text))
        pp_buffer_append(out, "'", 1);
    for (; *text != '\0'; text++)
        pp_buffer_append(out, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
    pp_buffer_append(out, "\"", 1);
}

/* Never by the locale, whose point may be a comma. */
static void put_percent(struct pp_buffer *out, int64_t part, int64_t whole)
{
    struct pp_json number = {out, false};

    pp_json_fraction(&number, NULL, pp_percent(part, whole));
}

static void put_row(struct pp_buffer *out, const struct pp_top *top, const struct pp_top_row *row)
{
    put_text(out, row->name);
    pp_buffer_append(out, ",", 1);
    put_text(out, row->file);
    pp_buffer_printf(out, ",%" PRId64 ",", row->line);
    put_text(out, row->module);
    pp_buffer_printf(out, ",%" PRId64 ",", row->flat);
    put_percent(out, row->flat, top->total);
    pp_buffer_printf(out, ",%" PRId64 ",", row->cum);
    put_percent(out, row->cum, top->total);
    pp_buffer_printf(out, ",%" PRId64 ",%" PRId64 "\n", row->n_flat_samples, row->n_cum_samples);
}

int pp_csv_write(const struct pprofc_profile *profile, uint32_t type, struct pp_buffer *out,
                 struct pprofc_error *err)
{
    static const char *const columns[] = {"flat", "cum"};
    struct pp_top top;
    const int failed = pp_top_make(profile, type, PP_BY_FUNCTION, &top, err);

    if (failed != 0)
        return failed;
    pp_buffer_text(out, "function,file,line,module,");
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        pp_autobuffer struct pp_buffer head = PP_BUFFER_INIT;
        pp_buffer_printf(&head, "%s_%s", columns[i], profile->strings[profile->types[type].unit]);
        put_text(out, head.failed ? "" : head.bytes);
        pp_buffer_printf(out, ",%s_percent,", columns[i]);
        out->failed |= head.failed;
    }
    pp_buffer_text(out, "flat_samples,cum_samples\n");
    for (uint32_t i = 0; i < top.n_rows; i++)
        put_row(out, &top, &top.rows[i]);
    pp_top_done(&top);
    return out->failed ? pp_fail(err, -ENOMEM, 0, "cannot write CSV: out of memory") : 0;
}
