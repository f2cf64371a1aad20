/* The text of a source file that a profile names.  The name comes from strangers: only regular
 * files are read, and not without end. */
#include "views/source_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"

enum { MAX_SOURCE_BYTES = 64 * 1024 * 1024 };

static int read_all(int descriptor, size_t n_bytes, struct pp_buffer *text)
{
    while (n_bytes > 0) {
        char *room = pp_buffer_room(text, n_bytes);
        const ssize_t n_read = room == NULL ? -1 : read(descriptor, room, n_bytes);
        if (room == NULL)
            return -ENOMEM;
        if (n_read < 0 && errno != EINTR)
            return -errno;
        if (n_read == 0)
            break;
        if (n_read > 0) {
            text->n_bytes += (size_t)n_read;
            n_bytes -= (size_t)n_read;
        }
    }
    return 0;
}

static int read_file(const char *path, struct pp_buffer *text)
{
    pp_autoclose_fd int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat about;

    if (descriptor < 0 || fstat(descriptor, &about) != 0)
        return -errno;
    if (!S_ISREG(about.st_mode))
        return -ENOENT;
    return about.st_size > MAX_SOURCE_BYTES ? -EFBIG
                                            : read_all(descriptor, (size_t)about.st_size, text);
}

/* 'name' behind the longest of the beginnings that it has. */
static const char *trimmed(const char *name, const char *trim_path)
{
    size_t n_longest = 0;

    for (const char *at = trim_path; at != NULL && *at != '\0';) {
        const size_t n_chars = strcspn(at, ":");
        if (n_chars > n_longest && strncmp(name, at, n_chars) == 0 &&
            (at[n_chars - 1] == '/' || name[n_chars] == '/'))
            n_longest = n_chars;
        at += n_chars + (at[n_chars] == ':');
    }
    name += n_longest;
    return name + strspn(name, "/") * (n_longest > 0);
}

/* In one folder: with all of the name's own folders, then with ever less of them. */
static int read_below(const char *folder, size_t n_chars, const char *name, struct pp_buffer *text)
{
    int status = -ENOENT;

    for (const char *rest = name + strspn(name, "/"); status == -ENOENT && *rest != '\0';) {
        pp_autofree char *path = NULL;
        if (asprintf(&path, "%.*s/%s", (int)n_chars, folder, rest) < 0) {
            path = NULL;
            return -ENOMEM;
        }
        status = read_file(path, text);
        rest += strcspn(rest, "/");
        rest += strspn(rest, "/");
    }
    return status;
}

int pp_source_file_read(const char *name, const char *source_path, const char *trim_path,
                        struct pp_buffer *text, struct pprofc_error *err)
{
    const char *folders = source_path != NULL && source_path[0] != '\0' ? source_path : ".";
    int status = name[0] == '/' ? read_file(name, text) : -ENOENT;

    name = trimmed(name, trim_path);
    for (const char *at = folders; status == -ENOENT && *at != '\0';) {
        const size_t n_chars = strcspn(at, ":");
        if (n_chars > 0)
            status = read_below(at, n_chars, name, text);
        at += n_chars + (at[n_chars] == ':');
    }
    if (status == -ENOENT)
        return pp_fail(err, status, 0,
                       "the file is neither where its name says nor below %s; give --source_path "
                       "FOLDER",
                       source_path != NULL ? source_path : "this folder");
    return status == 0 ? 0 : pp_fail(err, status, 0, "cannot be read: %s", strerror(-status));
}
