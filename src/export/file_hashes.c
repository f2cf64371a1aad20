/* Hashes of files, put and read: fields 1 and 2 of a message a file. */
#include "export/file_hashes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "binary/file_hash.h"
#include "formats/wire.h"

enum { FILE_FIELD = 1, PATH_FIELD = 1, HASH_FIELD = 2 };

/* The number of the file that is mapped as 'path', by a /proc/PID/maps; 0: none is. */
static uint64_t inode_of(const char *maps, const char *path)
{
    const size_t n_path = strlen(path);

    for (const char *line = maps, *end; *line != '\0'; line = end + (*end == '\n')) {
        unsigned long long inode = 0;
        end = line + strcspn(line, "\n");
        if ((size_t)(end - line) > n_path + 1 && end[-(ptrdiff_t)n_path - 1] == ' ' &&
            memcmp(end - n_path, path, n_path) == 0 &&
            sscanf(line, "%*x-%*x %*4s %*x %*x:%*x %llu", &inode) == 1)
            return inode;
    }
    return 0;
}

static void put_all(struct pp_buffer *out, const struct pp_export_window *window, const char *maps)
{
    const struct pprofc_profile *profile = window->profile;
    char text[PP_FILE_HASH_CHARS + 1];

    for (pp_id id = 1; id < profile->n_mappings; id++) {
        const struct pp_mapping *mapping = &profile->mappings[id];
        const char *path = pp_profile_chars(profile, mapping->path);
        pp_autofree char *seen = NULL;
        size_t begin;
        if (mapping->build_id != 0 || path[0] != '/')
            continue;
        if (asprintf(&seen, "/proc/%d/root%s", (int)window->pid, path) < 0) {
            seen = NULL;
            out->failed = true;
        } else if (pp_file_hash(seen, inode_of(maps, path), window->begin_ns, text) == 0) {
            begin = pp_wire_begin(out, FILE_FIELD);
            pp_wire_put_bytes(out, PATH_FIELD, path, strlen(path));
            pp_wire_put_bytes(out, HASH_FIELD, text, PP_FILE_HASH_CHARS);
            pp_wire_end(out, begin);
        }
    }
}

static bool has_candidate(const struct pprofc_profile *profile)
{
    for (pp_id id = 1; id < profile->n_mappings; id++)
        if (profile->mappings[id].build_id == 0 &&
            pp_profile_chars(profile, profile->mappings[id].path)[0] == '/')
            return true;
    return false;
}

static void forget(struct pp_file_hashes *hashes)
{
    pp_buffer_done(&hashes->bytes);
    hashes->bytes = (struct pp_buffer)PP_BUFFER_INIT;
}

void pp_file_hashes_put(struct pp_file_hashes *hashes, const struct pp_export_window *window)
{
    pp_autobuffer struct pp_buffer maps = PP_BUFFER_INIT;
    char path[32];

    if (window->pid != hashes->pid) {
        forget(hashes);
        hashes->pid = window->pid;
    }
    (void)snprintf(path, sizeof path, "/proc/%d/maps", (int)window->pid);
    if (window->pid <= 0 || !has_candidate(window->profile) ||
        pp_file_read(path, &maps, NULL) != 0 || maps.n_bytes == 0)
        return;
    pp_buffer_append(&maps, "", 1);
    forget(hashes);
    if (!maps.failed)
        put_all(&hashes->bytes, window, maps.bytes);
}

static bool read_one(struct pp_wire wire, struct pp_otlp_hash *hash)
{
    struct pp_wire_field field;
    int rc;

    while ((rc = pp_wire_field(&wire, &field)) == 1) {
        if (field.type != PP_WIRE_LEN)
            continue;
        if (field.number == PATH_FIELD) {
            hash->path = (const char *)field.bytes.at;
            hash->n_path_bytes = (size_t)(field.bytes.end - field.bytes.at);
        } else if (field.number == HASH_FIELD) {
            hash->text = (const char *)field.bytes.at;
            hash->n_text_bytes = (size_t)(field.bytes.end - field.bytes.at);
        }
    }
    return rc == 0 && hash->path != NULL && hash->text != NULL;
}

int pp_file_hashes_read(const void *bytes, size_t n_bytes, struct pp_otlp_hash **hashes_out)
{
    struct pp_wire wire = pp_wire_of(bytes, n_bytes);
    pp_autofree struct pp_otlp_hash *hashes = NULL;
    size_t n = 0, capacity = 0;
    struct pp_wire_field field;
    int rc;

    while ((rc = pp_wire_field(&wire, &field)) == 1) {
        if (pp_array_reserve(&hashes, &capacity, n + 1, sizeof *hashes) != 0)
            return -ENOMEM;
        hashes[n] = (struct pp_otlp_hash){.path = NULL};
        if (field.type != PP_WIRE_LEN || !read_one(field.bytes, &hashes[n++]))
            return -EBADMSG;
    }
    if (rc < 0)
        return -EBADMSG;
    *hashes_out = hashes;
    hashes = NULL;
    return (int)n;
}
