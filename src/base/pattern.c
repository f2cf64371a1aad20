/* Regular expressions: a translation to what regcomp() takes, in the C locale. */
#include "base/pattern.h"

#include <ctype.h>
#include <errno.h>
#include <regex.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"

/* The C library parses groups by recursion and copies what is repeated: both have an end here. */
enum { MAX_PATTERN_BYTES = 64 * 1024, MAX_DEPTH = 100, MAX_REPEAT = 1000 };

struct pp_pattern {
    char *text;
    char *literal; /* all of it is plain text, found faster without the C library */
    regex_t regex;
    bool is_whole, has_regex, has_failed;
};

struct translation {
    const char *at;
    struct pp_buffer out;
    uint32_t depth;
    uint64_t repeat; /* how often the pattern may be copied */
    bool ignores_case;
    bool follows_repeat; /* a '?' here would say "lazily" */
    const char *problem;
};

/* ---- sets of bytes ---- */

struct set {
    bool has[256];
};

static void set_add(struct set *set, int first, int last)
{
    for (int byte = first; byte <= last; byte++)
        set->has[byte] = true;
}

/* \d \w \s and their opposites; false for any other letter. */
static bool set_add_class(struct set *set, char letter)
{
    struct set class = {{false}};
    const char small = (char)(letter | 0x20);

    if (small == 'd' || small == 'w')
        set_add(&class, '0', '9');
    if (small == 'w') {
        set_add(&class, 'a', 'z');
        set_add(&class, 'A', 'Z');
        set_add(&class, '_', '_');
    }
    if (small == 's') {
        set_add(&class, '\t', '\n');
        set_add(&class, '\f', '\r');
        set_add(&class, ' ', ' ');
    }
    if (small != 'd' && small != 'w' && small != 's')
        return false;
    for (int byte = 1; byte < 256; byte++)
        set->has[byte] |= class.has[byte] == (letter == small);
    return true;
}

/* "[:alpha:]" and its kin, at the '['; how many bytes it took, 0 when it is none. */
static size_t set_add_named(struct set *set, const char *at)
{
    static const struct {
        const char *name;
        int (*has)(int byte);
    } classes[] = {{"[:alnum:]", isalnum}, {"[:alpha:]", isalpha}, {"[:blank:]", isblank},
                   {"[:cntrl:]", iscntrl}, {"[:digit:]", isdigit}, {"[:graph:]", isgraph},
                   {"[:lower:]", islower}, {"[:print:]", isprint}, {"[:punct:]", ispunct},
                   {"[:space:]", isspace}, {"[:upper:]", isupper}, {"[:xdigit:]", isxdigit}};

    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (strncmp(at, classes[i].name, strlen(classes[i].name)) != 0)
            continue;
        for (int byte = 1; byte < 256; byte++)
            set->has[byte] |= classes[i].has(byte) != 0;
        return strlen(classes[i].name);
    }
    return 0;
}

/* As a bracket expression without any escape: ']' first, '^' not first, '-' last, and '[' where no
 * "[:", "[." or "[=" can come of it. */
static void put_set(struct pp_buffer *out, struct set *set)
{
    const bool has_dash = set->has['-'], has_caret = set->has['^'], has_open = set->has['['];
    const size_t begin = out->n_bytes;

    pp_buffer_text(out, set->has[']'] ? "[]" : "[");
    set->has['-'] = set->has['^'] = set->has[']'] = set->has['['] = false;
    for (int byte = 1; byte < 256; byte++) {
        int last = byte;
        char range[3] = {(char)byte, '-', 0};
        while (last < 255 && set->has[byte] && set->has[last + 1])
            last++;
        range[2] = (char)last;
        if (set->has[byte])
            pp_buffer_append(out, range, last - byte >= 2 ? 3 : 1);
        if (last - byte >= 2)
            byte = last;
    }
    if (has_open)
        pp_buffer_text(out, "[");
    /* At the very beginning '^' would be an inversion. */
    if (has_caret && !out->failed && out->n_bytes == begin + 1) {
        out->n_bytes = has_dash ? out->n_bytes : begin;
        pp_buffer_text(out, has_dash ? "-^]" : "\\^");
        return;
    }
    pp_buffer_text(out, has_caret ? "^" : "");
    pp_buffer_text(out, has_dash ? "-]" : "]");
}

/* One byte of a bracket expression, an escape read; -1 for a class, which is added already. */
static int take_member(struct translation *translation, struct set *set)
{
    const size_t n_named = set_add_named(set, translation->at);
    char letter = *translation->at;

    if (n_named > 0) {
        translation->at += n_named;
        return -1;
    }
    translation->at++;
    if (letter != '\\' || *translation->at == '\0')
        return (unsigned char)letter;
    letter = *translation->at++;
    if (set_add_class(set, letter))
        return -1;
    return letter == 'n'   ? '\n'
           : letter == 't' ? '\t'
           : letter == 'r' ? '\r'
                           : (unsigned char)letter;
}

static void take_bracket(struct translation *translation)
{
    struct set set = {{false}};
    bool is_inverted = false, is_empty = true;

    translation->at++;
    if (*translation->at == '^') {
        is_inverted = true;
        translation->at++;
    }
    for (const char *begin = translation->at;
         *translation->at != '\0' && (*translation->at != ']' || translation->at == begin);) {
        const int first = take_member(translation, &set);
        int last = first;
        if (first >= 0 && translation->at[0] == '-' && translation->at[1] != ']' &&
            translation->at[1] != '\0') {
            translation->at++;
            last = take_member(translation, &set);
        }
        if (last < first)
            translation->problem = "a range in [..] ends before it begins";
        if (first >= 0)
            set_add(&set, first, last < first ? first : last);
    }
    if (*translation->at == '\0')
        translation->problem = "a [ is never closed";
    else
        translation->at++;
    for (int byte = 1; byte < 256; byte++) {
        set.has[byte] ^= is_inverted;
        is_empty &= !set.has[byte];
    }
    if (is_empty)
        translation->problem = "nothing can match a [..] of it";
    else
        put_set(&translation->out, &set);
}

/* ---- the rest ---- */

static void take_escape(struct translation *translation)
{
    const char letter = translation->at[1];
    struct set set = {{false}};

    translation->at += letter != '\0' ? 2 : 1;
    if (letter == '\0')
        translation->problem = "it ends with a backslash";
    else if (letter >= '0' && letter <= '9')
        translation->problem = "there are no back-references";
    else if (set_add_class(&set, letter))
        put_set(&translation->out, &set);
    else if (letter == 'b' || letter == 'B')
        pp_buffer_append(&translation->out, (char[]){'\\', letter}, 2);
    else if (letter == 'A' || letter == 'z')
        pp_buffer_text(&translation->out, letter == 'A' ? "^" : "$");
    else if (letter == 'n' || letter == 't' || letter == 'r')
        pp_buffer_append(&translation->out, letter == 'n' ? "\n" : letter == 't' ? "\t" : "\r", 1);
    else if (isalnum((unsigned char)letter))
        translation->problem = "it has an escape that is not known here";
    else /* "\.", "\(": as it is; "\<" would be a word's beginning */
        pp_buffer_append(&translation->out, (char[]){'\\', letter},
                         strchr("<>`'", letter) != NULL ? 0 : 2);
    if (letter != '\0' && strchr("<>`'", letter) != NULL)
        pp_buffer_append(&translation->out, &letter, 1);
}

static void take_group(struct translation *translation)
{
    static const char unnamed[] = "(?:", ignore_case[] = "(?i)";

    if (strncmp(translation->at, ignore_case, strlen(ignore_case)) == 0 &&
        translation->out.n_bytes == 0) {
        translation->ignores_case = true;
        translation->at += strlen(ignore_case);
        return;
    }
    if (strncmp(translation->at, unnamed, strlen(unnamed)) == 0)
        translation->at += strlen(unnamed);
    else if (translation->at[1] == '?')
        translation->problem = "of the groups that begin with (? only (?:..), and (?i) at the "
                               "beginning, are known here";
    else
        translation->at++;
    if (++translation->depth > MAX_DEPTH)
        translation->problem = "its groups are nested too deep";
    /* "()" is nothing for Go; the C library takes it too. */
    pp_buffer_text(&translation->out, "(");
}

/* {n}, {n,}, {n,m} as they are, counted; a brace that begins none of these is plain text. */
static void take_brace(struct translation *translation)
{
    const char *at = translation->at + 1;
    const size_t n_first = strspn(at, "0123456789");
    const size_t n_comma = at[n_first] == ',' ? 1 : 0;
    const size_t n_second = n_comma > 0 ? strspn(at + n_first + 1, "0123456789") : 0;
    const char *end = at + n_first + n_comma + n_second;
    const unsigned long first = strtoul(at, NULL, 10);
    const unsigned long second = n_second > 0 ? strtoul(at + n_first + 1, NULL, 10) : first;

    if (n_first == 0 || *end != '}') {
        pp_buffer_text(&translation->out, "\\{");
        translation->at++;
        return;
    }
    if (first > MAX_REPEAT || second > MAX_REPEAT)
        translation->repeat = MAX_REPEAT + 1;
    else
        translation->repeat *= second > 1 ? second : 1;
    if (translation->repeat > MAX_REPEAT)
        translation->problem = "it repeats more than a thousand times";
    pp_buffer_append(&translation->out, translation->at, (size_t)(end + 1 - translation->at));
    translation->at = end + 1;
    translation->follows_repeat = true;
}

static void take_one(struct translation *translation)
{
    const bool followed_repeat = translation->follows_repeat;
    const char letter = *translation->at;

    translation->follows_repeat = false;
    if (letter == '\\') {
        take_escape(translation);
    } else if (letter == '[') {
        take_bracket(translation);
    } else if (letter == '(') {
        take_group(translation);
    } else if (letter == '{') {
        take_brace(translation);
    } else {
        translation->at++;
        translation->depth -= letter == ')' && translation->depth > 0;
        translation->follows_repeat =
            (letter == '*' || letter == '+' || letter == '?') && !followed_repeat;
        if (!(letter == '?' && followed_repeat)) /* how much it takes first says nothing here */
            pp_buffer_append(&translation->out, letter == '}' ? "\\}" : &letter,
                             letter == '}' ? 2 : 1);
    }
}

static int compile(struct pp_pattern *pattern, struct pprofc_error *err)
{
    struct translation translation = {
        .at = pattern->text, .out = PP_BUFFER_INIT, .repeat = 1, .problem = NULL};
    char reason[128] = "";
    int status = 0;

    if (strlen(pattern->text) > MAX_PATTERN_BYTES)
        translation.problem = "it is too long";
    while (*translation.at != '\0' && translation.problem == NULL)
        take_one(&translation);
    if (translation.problem == NULL && !translation.out.failed) {
        pp_buffer_text(&translation.out, "");
        status = regcomp(&pattern->regex, translation.out.bytes,
                         REG_EXTENDED | (translation.ignores_case ? REG_ICASE : 0) |
                             (pattern->is_whole ? 0 : REG_NOSUB));
        pattern->has_regex = status == 0;
        if (status != 0)
            (void)regerror(status, &pattern->regex, reason, sizeof reason);
    }
    if (translation.out.failed || status == REG_ESPACE)
        status = pp_fail(err, -ENOMEM, 0, "no memory for the expression '%.200s'", pattern->text);
    else if (translation.problem != NULL || status != 0)
        status = pp_fail(err, -EINVAL, 0, "'%.200s' is no expression that can be used: %s",
                         pattern->text, translation.problem != NULL ? translation.problem : reason);
    pp_buffer_done(&translation.out);
    return status;
}

int pp_pattern_new(const char *text, enum pp_pattern_extent extent, struct pp_pattern **pattern_out,
                   struct pprofc_error *err)
{
    struct pp_pattern *pattern = calloc(1, sizeof *pattern);
    const bool is_literal = text[strcspn(text, "\\[](){}^$.|*+?")] == '\0';
    int status;

    if (pattern == NULL || (pattern->text = strdup(text)) == NULL) {
        free(pattern);
        return pp_fail(err, -ENOMEM, 0, "no memory for the expression '%.200s'", text);
    }
    pattern->is_whole = extent == PP_PATTERN_WHOLE;
    if (is_literal) {
        pattern->literal = pattern->text;
        *pattern_out = pattern;
        return 0;
    }
    status = compile(pattern, err);
    if (status != 0)
        pp_pattern_free(pattern);
    else
        *pattern_out = pattern;
    return status;
}

bool pp_pattern_matches(struct pp_pattern *pattern, const char *text)
{
    regmatch_t all = {0, 0};
    int status;

    if (pattern->literal != NULL)
        return pattern->is_whole ? strcmp(text, pattern->literal) == 0
                                 : strstr(text, pattern->literal) != NULL;
    /* The longest of the leftmost matches: when any is all of the text, it is. */
    status = regexec(&pattern->regex, text, pattern->is_whole ? 1 : 0, &all, 0);
    pattern->has_failed |= status == REG_ESPACE;
    if (status != 0 || !pattern->is_whole)
        return status == 0;
    return all.rm_so == 0 && (size_t)all.rm_eo == strlen(text);
}

bool pp_pattern_failed(const struct pp_pattern *pattern)
{
    return pattern->has_failed;
}

const char *pp_pattern_text(const struct pp_pattern *pattern)
{
    return pattern->text;
}

void pp_pattern_free(struct pp_pattern *pattern)
{
    if (pattern == NULL)
        return;
    if (pattern->has_regex)
        regfree(&pattern->regex);
    free(pattern->text);
    free(pattern);
}
