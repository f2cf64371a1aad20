/* The stacks of `perf script`: a frame a line, leaf first, each with its address, its function and
 * the file it lies in; perhaps the source line below it. */
#include <errno.h>
#include <stdlib.h>

#include "base/memory.h"
#include "binary/demangle.h"
#include "formats/perf_script.h"
#include "profile/tables.h"

enum {
    SCRATCH_BYTES = 64 * 1024, /* of a demangled name; a longer one stays mangled */
    MOST_HEX_DIGITS = 16,
};

void pp_perf_frames_done(struct pp_perf_frames *frames)
{
    pp_text_memo_done(&frames->memo);
    pp_text_memo_done(&frames->symbols);
    free(frames->frames);
    free(frames->lines);
    free(frames->scratch);
    free(frames->stack);
    free(frames->changed);
}

/* ---- one line's text ---- */

static bool text_is(const struct pp_text *text, const char *wanted)
{
    return text->n_bytes == strlen(wanted) && memcmp(text->bytes, wanted, text->n_bytes) == 0;
}

static bool text_ends(const struct pp_text *text, const char *ending)
{
    const size_t n_bytes = strlen(ending);

    return text->n_bytes >= n_bytes &&
           memcmp(text->bytes + text->n_bytes - n_bytes, ending, n_bytes) == 0;
}

/* Where the '(' stands that the last ')' of 'text' closes, or the text's length: what is in between
 * may have parentheses of its own, and so may what stands before. */
static size_t find_parenthesis(const struct pp_text *text)
{
    size_t depth = 0;

    for (size_t at = text->n_bytes; at-- > 0;) {
        depth += text->bytes[at] == ')';
        depth -= text->bytes[at] == '(';
        if (depth == 0)
            return text->bytes[at] == '(' && (at == 0 || pp_is_blank(text->bytes[at - 1]))
                       ? at
                       : text->n_bytes;
    }
    return text->n_bytes;
}

/* "main+0x1f" is main. */
static void drop_offset(struct pp_text *symbol)
{
    size_t at = symbol->n_bytes;

    while (at > 0 && symbol->n_bytes - at < MOST_HEX_DIGITS + 3 && symbol->bytes[at - 1] != '+')
        at--;
    if (at < 2 || symbol->bytes[at - 1] != '+' || symbol->n_bytes - at < 3 ||
        memcmp(symbol->bytes + at, "0x", 2) != 0)
        return;
    for (size_t i = at + 2; i < symbol->n_bytes; i++) {
        const char c = symbol->bytes[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return;
    }
    symbol->n_bytes = at - 1;
}

/* "main+0x1f (/usr/bin/app)": the module stands last, and may have parentheses and blanks itself.
 */
static void split_module(struct pp_text rest, struct pp_perf_frame_text *frame)
{
    static const struct pp_text none = {"", 0, 0};
    size_t at;

    pp_text_trim(&rest);
    frame->symbol = rest;
    frame->module = none;
    frame->is_inlined = false;
    at = find_parenthesis(&rest);
    if (at < rest.n_bytes) {
        frame->symbol.n_bytes = at;
        frame->module = (struct pp_text){rest.bytes + at + 1, rest.n_bytes - at - 2, rest.offset};
        if (text_ends(&frame->module, " (deleted)"))
            frame->module.n_bytes -= strlen(" (deleted)");
    }
    pp_text_trim(&frame->symbol);
    drop_offset(&frame->symbol);
    if (text_is(&frame->symbol, "[unknown]"))
        frame->symbol.n_bytes = 0;
    frame->is_inlined = text_is(&frame->module, "inlined");
    if (frame->is_inlined || text_is(&frame->module, "[unknown]"))
        frame->module.n_bytes = 0;
}

bool pp_perf_read_frame(const struct pp_text *line, struct pp_perf_frame_text *frame)
{
    struct pp_text rest = *line;
    const struct pp_text word = pp_text_word(&rest);

    if (word.n_bytes > MOST_HEX_DIGITS + 2 || !pp_text_hex(&word, &frame->address))
        return false;
    split_module(rest, frame);
    return true;
}

/* perf prints no addresses when it is told so: the module is what shows that it is a frame. */
static bool read_frame_without_address(const struct pp_text *line, struct pp_perf_frame_text *frame)
{
    if (find_parenthesis(line) == line->n_bytes)
        return false;
    frame->address = 0;
    split_module(*line, frame);
    return frame->symbol.n_bytes > 0 || frame->module.n_bytes > 0 || text_is(line, "[unknown]");
}

bool pp_perf_read_source_line(const struct pp_text *line, struct pp_text *file, int64_t *number)
{
    size_t at = line->n_bytes;
    int64_t value = 0;

    while (at > 0 && line->n_bytes - at < 10 && line->bytes[at - 1] >= '0' &&
           line->bytes[at - 1] <= '9')
        at--;
    if (at < 2 || at == line->n_bytes || line->bytes[at - 1] != ':')
        return false;
    for (size_t i = at; i < line->n_bytes; i++)
        value = value * 10 + (line->bytes[i] - '0');
    *file = *line;
    file->n_bytes = at - 1;
    *number = value;
    return true;
}

/* ---- one line's frame ---- */

/* perf shows names as they stand in the file's table where it was built without a demangler. */
static pp_id new_function(struct pp_perf_frames *frames, const struct pp_text *symbol)
{
    struct pprofc_profile *profile = frames->profile;
    struct pp_function function = {.name =
                                       pp_profile_string(profile, symbol->bytes, symbol->n_bytes)};
    const char *name = profile->strings[function.name];
    int n_bytes;

    if (name[0] == '_') {
        if (frames->scratch == NULL)
            frames->scratch = malloc(SCRATCH_BYTES);
        if (frames->scratch == NULL)
            return 0;
        n_bytes = pp_demangle(name, frames->scratch, SCRATCH_BYTES);
        if (n_bytes > 0) {
            function.system_name = function.name;
            function.name = pp_profile_string(profile, frames->scratch, (size_t)n_bytes);
        }
    }
    return pp_profile_function(profile, &function);
}

/* The function called 'symbol'; 0 when memory runs out. */
static pp_id function_of(struct pp_perf_frames *frames, const struct pp_text *symbol)
{
    const uint64_t hash = pp_text_hash(symbol->bytes, symbol->n_bytes);
    pp_id function;

    if (pp_text_memo_find(&frames->symbols, symbol->bytes, symbol->n_bytes, hash, &function))
        return function;
    function = new_function(frames, symbol);
    if (function != 0 &&
        pp_text_memo_put(&frames->symbols, symbol->bytes, symbol->n_bytes, hash, function) != 0)
        function = 0;
    return function;
}

/* Java's perf map agent writes what was compiled in line into the symbol: "a->b->c", where c is
 * innermost.  Elsewhere "->" belongs to a name ("operator->"). */
static bool has_chain(const struct pp_perf_frame_text *text)
{
    return text_ends(&text->module, ".map") &&
           memmem(text->symbol.bytes, text->symbol.n_bytes, "->", 2) != NULL;
}

/* Append the functions of 'text', innermost first.  0 or -ENOMEM. */
static int add_lines(struct pp_perf_frames *frames, const struct pp_perf_frame_text *text)
{
    const bool is_chain = has_chain(text);
    struct pp_text rest = text->symbol;

    while (rest.n_bytes > 0) {
        struct pp_text part = rest;
        size_t at = rest.n_bytes;
        pp_id function;
        while (is_chain && at > 1 && memcmp(rest.bytes + at - 2, "->", 2) != 0)
            at--;
        if (is_chain && at > 1) {
            part.bytes += at;
            part.n_bytes -= at;
            rest.n_bytes = at - 2;
        } else {
            rest.n_bytes = 0;
        }
        if (part.n_bytes == 0)
            continue;
        function = function_of(frames, &part);
        if (function == 0 || pp_array_reserve(&frames->lines, &frames->lines_capacity,
                                              frames->n_lines + 1, sizeof *frames->lines) != 0)
            return -ENOMEM;
        frames->lines[frames->n_lines++] = (struct pp_line){function, 0};
    }
    return 0;
}

static pp_id mapping_of(struct pp_perf_frames *frames, const struct pp_text *module)
{
    const struct pp_mapping mapping = {
        .path = pp_profile_string(frames->profile, module->bytes, module->n_bytes),
        .has_functions = true,
    };

    return module->n_bytes > 0 ? pp_profile_mapping(frames->profile, &mapping) : 0;
}

static int new_frame(struct pp_perf_frames *frames, const struct pp_perf_frame_text *text)
{
    struct pp_perf_frame frame = {.address = text->address,
                                  .mapping = mapping_of(frames, &text->module),
                                  .first_line = (uint32_t)frames->n_lines};

    if (frames->n_lines > UINT32_MAX / 2 || frames->n_frames > UINT32_MAX / 2 ||
        add_lines(frames, text) != 0 ||
        pp_array_reserve(&frames->frames, &frames->frames_capacity, frames->n_frames + 1,
                         sizeof *frames->frames) != 0)
        return -ENOMEM;
    frame.n_lines = (uint32_t)frames->n_lines - frame.first_line;
    if (!text->is_inlined) {
        const struct pp_location location = {
            .address = frame.address, .mapping = frame.mapping, .n_lines = frame.n_lines};
        frame.location =
            pp_profile_location(frames->profile, &location,
                                frame.n_lines > 0 ? &frames->lines[frame.first_line] : NULL);
        if (frame.location == 0)
            return -ENOMEM;
    }
    frames->frames[frames->n_frames++] = frame;
    return 0;
}

/* ---- the stack ---- */

static int push(struct pp_perf_frames *frames, pp_id location)
{
    if (location == 0 || pp_array_reserve(&frames->stack, &frames->stack_capacity,
                                          frames->n_stack + 1, sizeof *frames->stack) != 0)
        return -ENOMEM;
    frames->stack[frames->n_stack++] = location;
    return 0;
}

/* The functions of the frame 'index' go behind those of the open one. */
static int append_lines(struct pp_perf_frames *frames, uint32_t index)
{
    const struct pp_perf_frame *frame = &frames->frames[index];

    if (pp_array_reserve(&frames->changed, &frames->changed_capacity,
                         frames->n_changed + frame->n_lines + 1, sizeof *frames->changed) != 0)
        return -ENOMEM;
    if (frame->n_lines > 0)
        memcpy(frames->changed + frames->n_changed, frames->lines + frame->first_line,
               frame->n_lines * sizeof *frames->changed);
    frames->n_changed += frame->n_lines;
    return 0;
}

static int close_open(struct pp_perf_frames *frames)
{
    const struct pp_perf_frame *frame = &frames->frames[frames->open];
    struct pp_location location;

    frames->has_open = false;
    if (frames->n_changed == 0 && frame->location != 0)
        return push(frames, frame->location);
    location = (struct pp_location){.address = frame->address,
                                    .mapping = frame->mapping,
                                    .n_lines = (uint32_t)frames->n_changed};
    frames->n_changed = 0;
    return push(frames, pp_profile_location(frames->profile, &location, frames->changed));
}

static int take_frame(struct pp_perf_frames *frames, uint32_t index)
{
    const struct pp_perf_frame *frame = &frames->frames[index];
    int failed = 0;

    if (frames->has_open && frames->is_open_inlined &&
        frames->frames[frames->open].address == frame->address) {
        frames->is_open_inlined = frame->location == 0;
        frames->open = index;
        return append_lines(frames, index);
    }
    if (frames->has_open)
        failed = close_open(frames);
    frames->has_open = true;
    frames->open = index;
    frames->is_open_inlined = frame->location == 0;
    return failed == 0 && frames->is_open_inlined ? append_lines(frames, index) : failed;
}

/* The file and line of the function that came last. */
static int take_source(struct pp_perf_frames *frames, const struct pp_text *file, int64_t number)
{
    struct pp_function function;
    struct pp_line *line;
    int failed = 0;

    if (frames->n_changed == 0)
        failed = append_lines(frames, frames->open);
    if (failed != 0 || frames->n_changed == 0)
        return failed;
    line = &frames->changed[frames->n_changed - 1];
    function = frames->profile->functions[line->function];
    function.file = pp_profile_string(frames->profile, file->bytes, file->n_bytes);
    line->function = pp_profile_function(frames->profile, &function);
    line->line = number;
    return line->function == 0 ? -ENOMEM : 0;
}

int pp_perf_frames_take_known(struct pp_perf_frames *frames, const struct pp_text *line,
                              uint64_t hash)
{
    uint32_t index;

    if (!pp_text_memo_find(&frames->memo, line->bytes, line->n_bytes, hash, &index))
        return 0;
    return take_frame(frames, index) != 0 ? -ENOMEM : 1;
}

int pp_perf_frames_take(struct pp_perf_frames *frames, const struct pp_text *line, uint64_t hash)
{
    struct pp_perf_frame_text text;
    struct pp_text file;
    int64_t number;

    if (!pp_perf_read_frame(line, &text)) {
        if (frames->has_open && pp_perf_read_source_line(line, &file, &number))
            return take_source(frames, &file, number) != 0 ? -ENOMEM : 1;
        if (!read_frame_without_address(line, &text))
            return 0;
    }
    if (new_frame(frames, &text) != 0 ||
        pp_text_memo_put(&frames->memo, line->bytes, line->n_bytes, hash,
                         (uint32_t)frames->n_frames - 1) != 0 ||
        take_frame(frames, (uint32_t)frames->n_frames - 1) != 0)
        return -ENOMEM;
    return 1;
}

int pp_perf_frames_end(struct pp_perf_frames *frames, pp_id root, pp_id *stack_out)
{
    int failed = frames->has_open ? close_open(frames) : 0;

    if (failed == 0 && root != 0)
        failed = push(frames, root);
    if (failed == 0)
        *stack_out = pp_profile_stack(frames->profile, frames->stack, frames->n_stack);
    frames->n_stack = 0;
    return failed != 0 || pp_profile_failed(frames->profile) ? -ENOMEM : 0;
}
