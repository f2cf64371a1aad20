/* Any name in a history folder, and any text where limits, cycles and triggers are typed: what is
 * taken for a window's name is just what would be written for it, and leads nowhere else. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "export/window_name.h"
#include "serve/continuous_options.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void read_name(const char *text)
{
    struct pp_window_name name, again;
    char written[PP_WINDOW_NAME_BYTES];
    const char *extension;

    if (!pp_window_name_read(text, &name, &extension))
        return;
    pp_window_name_write(&name, extension, written);
    if (strcmp(written, text) != 0 || strchr(text, '/') != NULL ||
        pp_window_extension(extension)[0] != '.' ||
        !pp_window_name_read(written, &again, &extension) || again.time_s != name.time_s)
        abort();
}

static void make_name(const char *text)
{
    struct pp_window_name name = {.time_s = 1795734301, .pid = 1, .kind = "cpu"}, again;
    char written[PP_WINDOW_NAME_BYTES];
    const char *extension;

    pp_window_program(text, name.program);
    pp_window_name_write(&name, ".pb.gz", written);
    if (!pp_window_name_read(written, &again, &extension) ||
        strcmp(again.program, name.program) != 0)
        abort();
}

static void read_options(const char *text)
{
    struct pp_continuous_options options;
    struct pprofc_error err = {.message = ""};

    pp_continuous_options_init(&options);
    if (pp_keep_parse(text, &options.keep, &err) != 0 && err.message[0] == '\0')
        abort();
    if (pp_continuous_parse_cycle(text, &options, NULL) == 0 &&
        (options.on_ns <= 0 || options.whole_ns < options.on_ns))
        abort();
    if (pp_triggers_parse(text, &options.triggers, NULL) == 0 &&
        (options.triggers.cpu_ratio < 0 || options.triggers.every_ns <= 0))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    char *text = malloc(n_bytes + 1);

    if (text == NULL)
        return 0;
    memcpy(text, bytes, n_bytes);
    text[n_bytes] = '\0';
    read_name(text);
    make_name(text);
    read_options(text);
    free(text);
    return 0;
}
