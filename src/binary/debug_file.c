/* Where the debug information of a stripped program lies. */
#include "binary/debug_file.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "binary/file_image.h"

static const char SYSTEM_ROOT[] = "/usr/lib/debug";

/* What a candidate must be to be the one. */
struct wanted {
    const char *build_id; /* "" : compare the checksum */
    uint32_t checksum;
    const struct pp_elf_file *other; /* not this file itself; may be NULL */
    bool only_symbols;
};

/* The next root of 'debug_path' into 'root_out', at the end the system's; false after that. */
static bool next_root(const char **cursor, bool *is_last, char root_out[PATH_MAX])
{
    while (*cursor != NULL && **cursor != '\0') {
        const size_t n_bytes = strcspn(*cursor, ":");
        const char *root = *cursor;

        *cursor += n_bytes + (root[n_bytes] == ':');
        if (n_bytes > 0 && n_bytes < PATH_MAX) {
            memcpy(root_out, root, n_bytes);
            root_out[n_bytes] = '\0';
            return true;
        }
    }
    if (*is_last)
        return false;
    *is_last = true;
    memcpy(root_out, SYSTEM_ROOT, sizeof SYSTEM_ROOT);
    return true;
}

static int try_path(const char *path, const struct wanted *wanted, struct pp_elf_file **found_out)
{
    struct pp_elf_file *file;
    uint32_t checksum;
    bool is_right;

    if (pp_elf_file_open(path, wanted->only_symbols, &file, NULL) != 0)
        return -ENOENT;
    if (wanted->build_id[0] != '\0')
        is_right = strcmp(file->build_id, wanted->build_id) == 0;
    else
        is_right = pp_file_checksum(path, &checksum) == 0 && checksum == wanted->checksum;
    if (wanted->other != NULL && file->device == wanted->other->device &&
        file->inode == wanted->other->inode)
        is_right = false;
    if (!is_right) {
        pp_elf_file_close(file);
        return -ENOENT;
    }
    *found_out = file;
    return 0;
}

static int try_format(const struct wanted *wanted, struct pp_elf_file **found_out,
                      const char *format, ...) __attribute__((format(printf, 3, 4)));

static int try_format(const struct wanted *wanted, struct pp_elf_file **found_out,
                      const char *format, ...)
{
    pp_autobuffer struct pp_buffer path = PP_BUFFER_INIT;
    va_list arguments;

    va_start(arguments, format);
    pp_buffer_vprintf(&path, format, arguments);
    va_end(arguments);
    return path.failed ? -ENOMEM : try_path(path.bytes, wanted, found_out);
}

static int find_by_build_id(const struct wanted *wanted, const char *debug_path,
                            struct pp_elf_file **found_out)
{
    const char *cursor = debug_path;
    bool is_last = false;
    char root[PATH_MAX];
    int result = -ENOENT;

    if (strlen(wanted->build_id) < 4 ||
        strspn(wanted->build_id, "0123456789abcdef") != strlen(wanted->build_id))
        return -ENOENT;
    while (result == -ENOENT && next_root(&cursor, &is_last, root))
        result = try_format(wanted, found_out, "%s/.build-id/%.2s/%s.debug", root, wanted->build_id,
                            wanted->build_id + 2);
    return result;
}

/* The directory of 'path' with its links resolved, as /usr/lib/debug mirrors it. */
static char *directory_of(const char *path)
{
    char *directory = realpath(path, NULL);
    char *slash = directory != NULL ? strrchr(directory, '/') : NULL;

    if (slash != NULL)
        *slash = '\0';
    return directory;
}

static int find_by_link(const struct pp_elf_file *file, const char *debug_path, bool only_symbols,
                        struct pp_elf_file **found_out)
{
    struct wanted wanted = {file->build_id, 0, file, only_symbols};
    size_t n_bytes = 0;
    const char *link = pp_elf_file_section_bytes(file, ".gnu_debuglink", &n_bytes);
    const size_t n_chars = link != NULL ? strnlen(link, n_bytes) : 0;
    const size_t checksum_offset = (n_chars + 4) & ~(size_t)3;
    pp_autofree char *directory = NULL;
    const char *cursor = debug_path;
    bool is_last = false;
    char root[PATH_MAX];
    int result;

    if (n_chars == 0 || checksum_offset + 4 > n_bytes || memchr(link, '/', n_chars) != NULL)
        return -ENOENT;
    memcpy(&wanted.checksum, link + checksum_offset, sizeof wanted.checksum);
    directory = directory_of(file->path);
    if (directory == NULL)
        return errno == ENOMEM ? -ENOMEM : -ENOENT;
    result = try_format(&wanted, found_out, "%s/%s", directory, link);
    if (result == -ENOENT)
        result = try_format(&wanted, found_out, "%s/.debug/%s", directory, link);
    while (result == -ENOENT && next_root(&cursor, &is_last, root))
        result = try_format(&wanted, found_out, "%s%s/%s", root, directory, link);
    return result;
}

int pp_debug_file_find(const struct pp_elf_file *file, const char *build_id, const char *debug_path,
                       bool only_symbols, struct pp_elf_file **debug_out)
{
    const struct wanted wanted = {build_id, 0, file, only_symbols};
    int result = find_by_build_id(&wanted, debug_path, debug_out);

    if (result == -ENOENT && file != NULL && file->path[0] != '\0')
        result = find_by_link(file, debug_path, only_symbols, debug_out);
    return result;
}

int pp_debug_file_find_alternate(const struct pp_elf_file *file, const char *debug_path,
                                 struct pp_elf_file **alternate_out)
{
    char build_id[PP_BUILD_ID_HEX_BYTES];
    const struct wanted wanted = {build_id, 0, file, false};
    size_t n_bytes = 0;
    const char *link = pp_elf_file_section_bytes(file, ".gnu_debugaltlink", &n_bytes);
    const size_t n_chars = link != NULL ? strnlen(link, n_bytes) : 0;
    pp_autofree char *directory = NULL;
    int result = -ENOENT;

    if (n_chars == 0 || n_bytes - n_chars < 2 || n_bytes - n_chars - 1 > PP_BUILD_ID_MAX_BYTES)
        return -ENOENT;
    for (size_t i = n_chars + 1; i < n_bytes; i++)
        (void)snprintf(build_id + 2 * (i - n_chars - 1), 3, "%02x", (unsigned char)link[i]);
    if (link[0] == '/')
        result = try_path(link, &wanted, alternate_out);
    else if ((directory = directory_of(file->path)) != NULL)
        result = try_format(&wanted, alternate_out, "%s/%s", directory, link);
    if (result == -ENOENT)
        result = find_by_build_id(&wanted, debug_path, alternate_out);
    return result;
}
