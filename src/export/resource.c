/* The attributes of a process, of its machine, and what the variables say. */
#include "export/resource.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "export/container_id.h"
#include "export/pairs.h"
#include "profile/id_table.h"
#include "profile/profile.h"

enum { MOST_COMMAND_BYTES = 1024, MOST_MOUNTS_BYTES = 256 * 1024, PATH_BYTES = 64 };

static const char *keep(struct pp_resource *resource, const char *text)
{
    const char *kept = pp_arena_copy(&resource->arena, text, strlen(text));

    resource->failed |= kept == NULL;
    return kept;
}

static struct pp_attribute *find(struct pp_resource *resource, const char *key)
{
    for (size_t i = 0; i < resource->n_attributes; i++)
        if (strcmp(resource->attributes[i].key, key) == 0)
            return &resource->attributes[i];
    return NULL;
}

/* What was said first stays, unless 'replaces'. */
static void put(struct pp_resource *resource, const char *key, const char *text, int64_t number,
                bool replaces)
{
    struct pp_attribute *attribute = find(resource, key);
    const char *kept_key, *kept_text;

    if (attribute != NULL && !replaces)
        return;
    kept_key = keep(resource, key);
    kept_text = text != NULL ? keep(resource, text) : NULL;
    if (resource->failed || (attribute == NULL && resource->n_attributes == PP_RESOURCE_MAX))
        return;
    if (attribute == NULL)
        attribute = &resource->attributes[resource->n_attributes++];
    *attribute = (struct pp_attribute){kept_key, kept_text, number};
}

const char *pp_resource_text(const struct pp_resource *resource, const char *key)
{
    for (size_t i = 0; i < resource->n_attributes; i++)
        if (strcmp(resource->attributes[i].key, key) == 0)
            return resource->attributes[i].text;
    return NULL;
}

/* ---- what was given ---- */

static void take_pair(void *context, const char *key, const char *value)
{
    put(context, key, value, 0, true);
}

static void put_given(struct pp_resource *resource, const struct pp_resource_wish *wish,
                      const struct pp_teller *teller)
{
    const char *pairs = secure_getenv("OTEL_RESOURCE_ATTRIBUTES");
    const char *name = secure_getenv("OTEL_SERVICE_NAME");
    const int rc = pairs != NULL ? pp_pairs_read(pairs, take_pair, resource) : 0;

    resource->failed |= rc == -ENOMEM;
    if (rc == -EINVAL)
        pp_tell(teller,
                "OTEL_RESOURCE_ATTRIBUTES=%.200s is not a list of key=value; what is none of its "
                "pairs is left out",
                pairs);
    if (wish->service_name != NULL)
        name = wish->service_name;
    if (name != NULL && name[0] != '\0')
        put(resource, "service.name", name, 0, true);
    put(resource, "service.name", wish->program[0] != '\0' ? wish->program : "unknown_service", 0,
        false);
    resource->n_given = resource->n_attributes;
}

/* ---- what the kernel knows ---- */

/* The file of the process, up to 'capacity' - 1 bytes, ended by a NUL; how many that are. */
static size_t read_file(int32_t pid, const char *name, char *text, size_t capacity)
{
    char path[PATH_BYTES];
    pp_autoclose_fd int fd = -1;
    size_t n_bytes = 0;
    ssize_t n;

    (void)snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && n_bytes < capacity - 1 &&
           (n = read(fd, text + n_bytes, capacity - 1 - n_bytes)) > 0)
        n_bytes += (size_t)n;
    text[n_bytes] = '\0';
    return n_bytes;
}

static void put_command(struct pp_resource *resource, int32_t pid)
{
    char text[MOST_COMMAND_BYTES];
    size_t n_bytes = read_file(pid, "cmdline", text, sizeof text);

    if (n_bytes == 0)
        return;
    put(resource, "process.command", text, 0, false);
    while (n_bytes > 0 && text[n_bytes - 1] == '\0')
        n_bytes--;
    for (size_t i = 0; i < n_bytes; i++)
        if (text[i] == '\0')
            text[i] = ' ';
    put(resource, "process.command_line", text, 0, false);
}

static void put_executable(struct pp_resource *resource, const struct pp_resource_wish *wish)
{
    char link[PATH_BYTES], path[4096];
    ssize_t n_bytes;

    (void)snprintf(link, sizeof link, "/proc/%d/exe", wish->pid);
    n_bytes = readlink(link, path, sizeof path - 1);
    path[n_bytes > 0 ? n_bytes : 0] = '\0';
    put(resource, "process.executable.name",
        n_bytes > 0 ? pp_profile_base_name(path) : wish->program, 0, false);
}

static void put_container(struct pp_resource *resource, int32_t pid)
{
    pp_autofree char *text = malloc(MOST_MOUNTS_BYTES);
    char id[PP_CONTAINER_ID_BYTES];
    bool is_found;

    if (text == NULL) {
        resource->failed = true;
        return;
    }
    (void)read_file(pid, "cgroup", text, MOST_MOUNTS_BYTES);
    is_found = pp_container_id_of_cgroup(text, id);
    if (!is_found) {
        (void)read_file(pid, "mountinfo", text, MOST_MOUNTS_BYTES);
        is_found = pp_container_id_of_mountinfo(text, id);
    }
    if (is_found)
        put(resource, "container.id", id, 0, false);
}

static uint64_t add_text(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++)
        hash = pp_hash_add(hash, (unsigned char)*text);
    return hash;
}

uint64_t pp_process_start(int32_t pid)
{
    char stat[512];
    const char *at;

    (void)read_file(pid, "stat", stat, sizeof stat);
    at = strrchr(stat, ')'); /* a name may hold anything */
    for (int field = 2; at != NULL && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at != NULL ? strtoull(at + 1, NULL, 10) : 0;
}

/* The same process has the same id whoever sends for it: of the machine's start, the pid and the
 * process's start. */
static void put_instance(struct pp_resource *resource, const struct pp_resource_wish *wish,
                         const char *host)
{
    char boot[64], id[40];
    uint64_t high, low;

    (void)read_file(wish->pid, "../sys/kernel/random/boot_id", boot, sizeof boot);
    high = add_text(add_text(pp_hash_add(1, (uint64_t)(uint32_t)wish->pid), host), boot);
    high = pp_hash_add(high, pp_process_start(wish->pid));
    low = pp_hash_add(high, 2);
    (void)snprintf(id, sizeof id, "%08x-%04x-8%03x-%04x-%012llx", (unsigned)(high >> 32),
                   (unsigned)(high >> 16) & 0xffff, (unsigned)high & 0xfff,
                   ((unsigned)(low >> 48) & 0x3fff) | 0x8000,
                   (unsigned long long)(low & UINT64_C(0xffffffffffff)));
    put(resource, "service.instance.id", id, 0, false);
}

void pp_resource_make(struct pp_resource *resource, const struct pp_resource_wish *wish,
                      const struct pp_teller *teller)
{
    char host[256] = "";

    put_given(resource, wish, teller);
    (void)gethostname(host, sizeof host - 1);
    if (wish->pid == 0)
        return;
    if (host[0] != '\0')
        put(resource, "host.name", host, 0, false);
    put_instance(resource, wish, host);
    put(resource, "process.pid", NULL, wish->pid, false);
    put_executable(resource, wish);
    if (!wish->hides_command)
        put_command(resource, wish->pid);
    put_container(resource, wish->pid);
}

void pp_resource_done(struct pp_resource *resource)
{
    pp_arena_done(&resource->arena);
}
